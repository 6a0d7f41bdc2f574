"""WhatsApp to CRM connector: a daemon that keeps a CRM true to WhatsApp conversations.

The design in one line: receive -> [webhook] -> record -> [delivery] -> deliver -> CRM. Each stage
reads the tables its predecessor wrote and writes the tables its successor reads; stages never
import each other. The words used throughout are defined in ``connector.model``.
"""

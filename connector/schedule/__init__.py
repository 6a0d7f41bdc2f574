"""The clock: cron expressions become runs, one a tick over all processes.

APScheduler only reads the cron expressions. Its job stores may not be shared between schedulers, so
who makes a tick's run is decided by the ledger. What was missed while nothing ran is made up once.
"""

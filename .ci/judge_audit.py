"""Says what an audit came to: flaws that are known, and what is not known."""  # noqa: INP001

import json
import sys
from pathlib import Path


def judge(found: str) -> tuple[int, str]:
    """Return the exit status and what to say, of what pip-audit wrote (its JSON form)."""
    try:
        packages = json.loads(found)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, "DEPENDENCIES NOT AUDITED: there was no answer about known flaws."
    flawed = [each for each in packages if each.get("vulns")]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    judged = len(packages) - len(skipped)
    lines = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw.get('fix_versions') or ['no version yet'])}"
        for each in flawed
        for flaw in each["vulns"]
    ]
    if skipped:
        lines.append(
            f"DEPENDENCIES NOT AUDITED: nothing is known here of {len(skipped)} of "
            f"{len(packages)}: {', '.join(skipped[:5])}{' ...' if len(skipped) > 5 else ''}"
        )
    lines.append(f"{judged} of {len(packages)} dependencies looked up, {len(flawed)} with a flaw.")
    return int(bool(flawed)), "\n".join(lines)


def main(found: Path, errors: Path) -> int:
    """Print the verdict and return it."""
    status, text = judge(found.read_text(encoding="utf-8") if found.exists() else "")
    if not found.exists() and errors.exists():
        text = f"{errors.read_text(encoding='utf-8')[-500:]}\n{text}"
    sys.stderr.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

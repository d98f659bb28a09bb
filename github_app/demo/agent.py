"""The scripted agent of `remit demo`: a stand-in for a coding agent that needs no model and no key.

A plain program for the command adapter, and nothing but the standard library, so that any python3 in the sandbox runs
it: the brief comes on standard input, the work is done in the current directory. Exit code 0 is done, anything else is
a failure. It knows the few issues of the demo by words in their titles.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

PRICING_FIX = ("return sum(item.price for item in items)", "return sum(item.price * item.quantity for item in items)")
PRICING_TEST = """
class QuantityTest(unittest.TestCase):
    def test_total_counts_each_piece(self):
        self.assertEqual(total([Item(price=200, quantity=3)]), 600)
"""
SHIPPING_TEST = '''"""Shipping is free from 5000 cents on."""

import unittest

from widgets.pricing import shipping


class ShippingTest(unittest.TestCase):
    def test_a_small_order_pays(self):
        self.assertEqual(shipping(4999), 490)

    def test_a_large_order_does_not(self):
        self.assertEqual(shipping(5000), 0)


if __name__ == "__main__":
    unittest.main()
'''


def main() -> int:
    """Do what the brief asks for, as far as the script knows it."""
    brief = sys.stdin.read()
    title = brief.splitlines()[0].lstrip("# ").strip() if brief else ""
    time.sleep(float(os.environ.get("REMIT_DEMO_SECONDS", "0.3")))
    if os.environ.get("REMIT_PURPOSE") == "review":
        return review(brief)
    return work(title.lower(), title)


def work(wanted: str, title: str) -> int:
    """Change the tree and leave a summary."""
    if "latin" in wanted:
        sys.stderr.write("I have no Latin, and there is no one to ask.\n")
        return 1
    if "spelling" in wanted:
        return leave("I read every sentence of README.md and found nothing to correct.")
    if "quantity" in wanted:
        replace(Path("widgets/pricing.py"), *PRICING_FIX)
        append(Path("tests/test_pricing.py"), PRICING_TEST)
        return leave("`total` multiplied nothing: each item now counts as often as it is ordered. A new test shows it.")
    if "shipping" in wanted:
        Path("tests/test_shipping.py").write_text(SHIPPING_TEST)
        return leave("Two tests: an order just below the limit pays for shipping, one at the limit does not.")
    name = re.sub(r"[^a-z0-9]+", "-", wanted).strip("-")[:40] or "note"
    page = Path("docs", f"{name}.md")
    page.parent.mkdir(exist_ok=True)
    page.write_text(f"# {title}\n\nWritten for the issue of the same name.\n\nTotals are in cents.\n")
    return leave(f"Added `{page}`.")


def review(brief: str) -> int:
    """Write findings about the change in the brief, as a reviewer would."""
    changed = re.findall(r"^\+\+\+ b/(.+)$", brief, re.MULTILINE)
    findings = []
    if changed:
        sentence = "Reads well; a link from README.md would help people to find it."
        findings.append({"severity": "note", "path": changed[0], "line": 1, "sentence": sentence})
    document = {"summary": f"{len(changed)} file(s) read, nothing critical.", "findings": findings}
    Path(os.environ["REMIT_REVIEW"]).write_text(json.dumps(document))
    return 0


def leave(summary: str) -> int:
    """Leave a summary for the people who review."""
    Path(os.environ["REMIT_SUMMARY"]).write_text(summary + "\n")
    sys.stdout.write(summary + "\n")
    return 0


def replace(path: Path, old: str, new: str) -> None:
    """Replace text in a file that must hold it."""
    text = path.read_text()
    if old not in text:
        raise SystemExit(f"{path} is not what the script expects")
    path.write_text(text.replace(old, new))


def append(path: Path, text: str) -> None:
    """Put a class before the last lines of a test file."""
    tail = '\n\nif __name__ == "__main__":\n    unittest.main()\n'
    path.write_text(path.read_text().removesuffix(tail) + "\n" + text + tail)


if __name__ == "__main__":
    sys.exit(main())

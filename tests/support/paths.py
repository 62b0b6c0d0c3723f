"""Where the checkout is, and the real product photos beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT.parent / "shared" / "catalogue"

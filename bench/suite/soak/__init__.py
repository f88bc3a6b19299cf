"""Hours of mixed clients, reloads and kills: what grows, and what is lost."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "conformance/python"))

"""The chat as a product: a crowd in one room, many busy rooms, and a room with a long history."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "conformance/python"))

# For editors: OBS itself brings this module.
from typing import Any

def __getattr__(name: str) -> Any: ...

"""From declaration to running process."""

from bedside.service.clock import Clock, RealClock, ViewClock
from bedside.service.core import core_service
from bedside.service.runtime import Runtime
from bedside.service.settings import SERVICES, ServiceName, Settings

__all__ = ["SERVICES", "Clock", "RealClock", "Runtime", "ServiceName", "Settings", "ViewClock", "core_service"]

"""The views that exist. A new one is a file here and its name in the tuple."""

from bedside.gateway.viewing import View
from bedside.gateway.views.banner import banner
from bedside.gateway.views.frontdesk_card import frontdesk_card
from bedside.gateway.views.physician_chart import physician_chart

VIEWS: tuple[View, ...] = (banner, physician_chart, frontdesk_card)

__all__ = ["VIEWS"]

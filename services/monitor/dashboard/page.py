"""One open page: its elements, and what is sent to it."""

from nicegui import Client, ui

from services.monitor.dashboard.charts import CHARTS, RANGES, options, update
from services.monitor.dashboard.picture import Picture

#: Cards in the order in which they are read, before and after the charts.
_BEFORE, _AFTER = ("gauge", "flow", "writing"), ("ledger", "services", "polling", "backups", "events")

_THEMES: dict[str, bool | None] = {"auto": None, "dark": True, "light": False}


class Page:
    """The dashboard in one browser tab."""

    def __init__(self, client: Client, picture: Picture, theme: str) -> None:
        self._client = client
        self._picture = picture
        self._shown = picture
        self._paused = False
        self._range = next(iter(RANGES))
        self._theme = theme if theme in _THEMES else "auto"
        self._dark = ui.dark_mode(_THEMES[self._theme])
        self._html: dict[str, ui.html] = {}
        self._charts: dict[str, ui.echart] = {}
        self._build()

    def show(self, picture: Picture) -> None:
        """Show a picture; only what differs from the one shown is sent."""
        self._picture = picture
        self._show_freshness()
        if self._paused or picture is self._shown:
            return
        before, self._shown = self._shown, picture
        for name, content in picture.cards.items():
            if before.cards.get(name) != content:
                self._html[name].set_content(content)
        if picture.title != before.title:
            with self._client:
                ui.page_title(picture.title)
        points = picture.charts.get(self._range)
        if points is not None and points is not before.charts.get(self._range):
            for key, chart in self._charts.items():
                chart.run_chart_method("setOption", update(points[key]))

    def _build(self) -> None:
        ui.page_title(self._picture.title)
        with ui.element("header").classes("top"):
            ui.html("tagpipe", sanitize=False, tag="h1")
            self._moment = ui.label().classes("moment")
            self._freshness = ui.label().classes("freshness").props('data-testid="freshness"')
            ui.element("span").classes("spring")
            self._range_button = self._button(f"Charts: {self._range}", self._next_range)
            self._theme_button = self._button(f"Theme: {self._theme}", self._next_theme)
            self._pause_button = self._button("Pause", self._toggle_pause)
        with ui.element("main"):
            self._card("spoken").props('role="status"').classes("unseen", remove="card")
            self._card("state").classes("wide", remove="card")
            self._card("alerts").classes("wide")
            for name in _BEFORE:
                self._card(name)
            for chart in CHARTS:
                with ui.element("section").classes(f"card c-{chart.key}"):
                    ui.html(f'{chart.title} <span class="note">{chart.note}</span>', sanitize=False, tag="h2")
                    points = self._picture.charts.get(self._range, {}).get(chart.key, [[] for _ in chart.lines])
                    self._charts[chart.key] = ui.echart(options(chart, points), renderer="svg").classes("chart")
                    with ui.element("details"):
                        ui.html("As a table", sanitize=False, tag="summary")
                        self._card(f"{chart.key}-table").classes(remove="card")
            for name in _AFTER:
                self._card(name)
        self._show_freshness()

    def _card(self, name: str) -> ui.html:
        html = ui.html(self._picture.cards.get(name, ""), sanitize=False, tag="section")
        self._html[name] = html.classes(f"card c-{name}").props(f'data-testid="{name}"')
        return html

    def _button(self, label: str, on_click: object) -> ui.button:
        return ui.button(label, on_click=on_click, color=None).props("flat no-caps dense")  # type: ignore[arg-type]

    def _show_freshness(self) -> None:
        picture = self._picture
        word = f"paused at {self._shown.moment}" if self._paused else picture.freshness
        self._freshness.set_text(word)
        kind = "idle" if self._paused else "ok" if word == "live" else "bad"
        if f"chip {kind}" not in " ".join(self._freshness.classes):
            self._freshness.classes(replace=f"freshness chip {kind}")
        if not self._paused:
            self._moment.set_text(picture.moment)

    def _toggle_pause(self) -> None:
        self._paused = not self._paused
        self._pause_button.set_text("Go on" if self._paused else "Pause")
        self.show(self._picture)

    def _next_theme(self) -> None:
        names = list(_THEMES)
        self._theme = names[(names.index(self._theme) + 1) % len(names)]
        self._dark.set_value(_THEMES[self._theme])
        self._theme_button.set_text(f"Theme: {self._theme}")

    def _next_range(self) -> None:
        names = list(RANGES)
        self._range = names[(names.index(self._range) + 1) % len(names)]
        self._range_button.set_text(f"Charts: {self._range}")
        points = self._shown.charts.get(self._range, {})
        for key, chart in self._charts.items():
            chart.run_chart_method("setOption", update(points.get(key, [])))

"""Grafana's JSON, as far as these dashboards need it: panels by kind, laid out in rows of 24 columns."""

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Levels of suspicion, by score (docs/indicators.md).
LEVELS = [(None, GREEN), (10, YELLOW), (30, ORANGE), (80, RED)]


def target(number, query, legend="", instant=False):
    """One query of a panel."""
    made = {"datasource": DATASOURCE, "expr": query, "legendFormat": legend, "refId": chr(ord("A") + number)}
    return made | ({"instant": True, "range": False, "format": "table"} if instant else {"range": True})


def thresholds(steps):
    """Colours from values on: `[(None, GREEN), (10, RED)]`."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def panel(kind, title, description, queries, unit="short", steps=None, width=8, height=8, **more):
    """A panel. `queries` are pairs of a query and a legend; `more` is Grafana's `options` and `custom`, and overrides."""
    instant = kind in ("table", "geomap")
    defaults = {"unit": unit, "thresholds": thresholds(steps or [(None, GREEN)])} | more.pop("defaults", {})
    if custom := more.pop("custom", None):
        defaults["custom"] = custom
    return {
        "type": kind, "title": title, "description": description, "datasource": DATASOURCE,
        "targets": [target(number, query, legend, instant) for number, (query, legend) in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        "gridPos": {"w": width, "h": height}, "options": {}, **more,
    }


def stat(title, description, query, unit="short", steps=None, width=4, **more):
    """One number."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
    return panel("stat", title, description, [(query, "")], unit, steps, width, 4, options=options, **more)


def series(title, description, queries, unit="short", steps=None, width=12, stacked=False, **more):
    """Lines over time; stacked where they add up."""
    custom = {"fillOpacity": 30 if stacked else 8, "lineWidth": 1, "showPoints": "never",
              "stacking": {"mode": "normal" if stacked else "none"}}
    if steps and len(steps) > 1:
        custom["thresholdsStyle"] = {"mode": "line"}
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, queries, unit, steps, width, custom=custom, options=options, **more)


def bars(title, description, query, legend, unit="short", steps=None, width=8, **more):
    """Numbers side by side, the largest first."""
    options = {"orientation": "horizontal", "displayMode": "gradient", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return panel("bargauge", title, description, [(query, legend)], unit, steps, width, options=options, **more)


def switch(title, description, query, legend, words, width=24, height=5):
    """What is or is not, over time: 1 or 0."""
    mappings = [{"type": "value", "options": {value: {"text": text, "color": color} for value, (text, color) in words.items()}}]
    custom = {"lineInterpolation": "stepAfter", "fillOpacity": 20, "lineWidth": 1, "showPoints": "never"}
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return panel("timeseries", title, description, [(query, legend)], "short", None, width, height,
                 defaults={"mappings": mappings, "min": 0, "max": 1, "decimals": 0}, custom=custom, options=options)


def table(title, description, query, value, columns, unit="short", steps=None, width=12, height=10, links=None):
    """The labels of an instant query as columns, and its value, the largest first."""
    rename = {"Value": value} | {label: title for label, title in columns}
    order = {label: number for number, label in enumerate([*[label for label, _ in columns], "Value"])}
    overrides = [{"matcher": {"id": "byName", "options": value}, "properties": [
        {"id": "unit", "value": unit}, {"id": "thresholds", "value": thresholds(steps or [(None, GREEN)])},
        {"id": "custom.cellOptions", "value": {"type": "color-text" if steps else "auto"}}]}]
    for column, link in (links or {}).items():
        overrides.append({"matcher": {"id": "byName", "options": column},
                          "properties": [{"id": "links", "value": [link]}]})
    return panel("table", title, description, [(query, "")], unit, None, width, height, overrides=overrides,
                 transformations=[
                     {"id": "filterFieldsByName", "options": {"include": {"names": list(order)}}},
                     {"id": "organize", "options": {"renameByName": rename, "indexByName": order}},
                     {"id": "sortBy", "options": {"sort": [{"field": value, "desc": True}]}}])


def world(title, description, by_location, by_country, width=12, height=10):
    """A map of the world: a disc at each spot, by the labels latitude and longitude, and one in the middle of each country, by
    the two letters of its code."""
    def layer(query, name, location):
        # Of several tables Grafana calls the values after their queries.
        value = f"Value #{query}"
        return {
            "type": "markers", "name": name, "tooltip": True, "filterData": {"id": "byRefId", "options": query}, "location": location,
            "config": {"showLegend": False, "style": {
                "size": {"field": value, "min": 4, "max": 28}, "color": {"fixed": "dark-blue"}, "opacity": 0.6,
                "text": {"field": value, "mode": "field"}, "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"}}},
        }

    spots = {"mode": "coords", "latitude": "latitude", "longitude": "longitude"}
    countries = {"mode": "lookup", "lookup": "country", "gazetteer": "public/gazetteer/countries.json"}
    options = {"view": {"id": "zero", "lat": 25, "lon": 0, "zoom": 1}, "basemap": {"type": "default", "name": "Land"},
               "layers": [layer("A", "By location", spots), layer("B", "By country", countries)],
               "controls": {"showZoom": True}, "tooltip": {"mode": "details"}}
    numbers = [{"targetField": label, "destinationType": "number"} for label in ("latitude", "longitude")]
    return panel("geomap", title, description, [(by_location, ""), (by_country, "")], "short", None, width, height, options=options,
                 transformations=[{"id": "convertFieldType", "options": {"fields": {}, "conversions": numbers}}])


def row(title):
    """A heading."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}


def variable(name, label, query, many=True):
    """A choice, by the values of a label."""
    made = {"name": name, "label": label, "type": "query", "datasource": DATASOURCE, "refresh": 2, "sort": 1,
            "definition": query, "query": {"query": query, "refId": name}, "multi": many, "includeAll": many}
    return made | ({"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}} if many else {})


def lay_out(panels):
    """Puts panels side by side, from left to right, as far as they fit."""
    x = y = tallest = 0
    for number, each in enumerate(panels, 1):
        place = each["gridPos"]
        if x + place["w"] > 24:
            x, y, tallest = 0, y + tallest, 0
        place |= {"x": x, "y": y}
        x, tallest = x + place["w"], max(tallest, place["h"])
        each["id"] = number
    return panels


def dashboard(uid, title, description, variables, panels):
    """A dashboard that links to the others, and to the report."""
    links = [
        {"type": "dashboards", "title": "Electrum Observatory", "tags": ["electrum-observatory"], "asDropdown": True,
         "includeVars": True, "keepTime": True},
        {"type": "link", "title": "Report", "url": "${report}", "targetBlank": True, "icon": "doc",
         "tooltip": "The report of the latest analysis, with the evidence"},
    ]
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}
    report = {"name": "report", "label": "Report", "type": "textbox", "query": "http://127.0.0.1:8080/",
              "description": "Where the report of the campaign is served"}
    return {
        "uid": f"electrum-{uid}", "title": f"Electrum: {title}", "description": description,
        "tags": ["electrum-observatory"], "schemaVersion": 39, "version": 1, "editable": True, "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"}, "timezone": "utc", "links": links,
        "templating": {"list": [source, *variables, report]}, "panels": lay_out(panels),
    }

# Writes what the programs of this desktop tell assistive technology as JSON. Bounds: nodes, depth, bytes, milliseconds.
import json
import sys
import time

most_nodes, most_depth, most_bytes, most_time = (int(bound) for bound in sys.argv[1:5])
end = time.monotonic() + most_time / 1000


def answer(tree, nodes=0, truncated=False, note=None):
    whole = {"tree": tree, "nodes": nodes, "truncated": truncated}
    if note:
        whole["note"] = note
    sys.stdout.write(json.dumps(whole, separators=(",", ":")))
    sys.exit(0)


try:
    import pyatspi
except ImportError:
    answer(None, note="The desktop has no AT-SPI: install python3-pyatspi and at-spi2-core.")

# Containers that only group; without a name their children stand in their place.
PLAIN = {"section", "panel", "filler", "unknown", "redundant object", "grouping", "static", "layered pane"}
LONGEST = 2000
nodes = 0
size = 0
truncated = False


def attempt(read, otherwise=None):
    try:
        return read()
    except Exception:
        return otherwise


def text(value):
    return value[:LONGEST] if isinstance(value, str) else ""


def states_of(accessible):
    states = attempt(lambda: accessible.getState().getStates(), [])
    return [pyatspi.stateToString(state) for state in states]


def value_of(accessible, states):
    number = attempt(lambda: accessible.queryValue().currentValue)
    if number is not None:
        return str(int(number)) if number == int(number) else str(number)
    if "editable" in states:
        return text(attempt(lambda: accessible.queryText().getText(0, LONGEST)))
    return None


def actions_of(accessible):
    action = attempt(accessible.queryAction)
    if action is None:
        return []
    return [name for name in (text(attempt(lambda: action.getName(index))) for index in range(min(action.nActions, 10))) if name]


def bounds_of(accessible):
    area = attempt(lambda: accessible.queryComponent().getExtents(pyatspi.DESKTOP_COORDS))
    return None if area is None else {"x": area.x, "y": area.y, "width": area.width, "height": area.height}


def children_of(accessible, depth):
    global truncated
    found = []
    for index in range(min(attempt(lambda: accessible.childCount, 0), most_nodes)):
        if nodes >= most_nodes or size >= most_bytes or time.monotonic() >= end:
            truncated = True
            break
        child = attempt(lambda: accessible.getChildAtIndex(index))
        if child is not None:
            found.extend(read(child, depth))
    return found


def read(accessible, depth):
    """The node, or those that stand in its place."""
    global nodes, size, truncated
    if nodes >= most_nodes or size >= most_bytes or time.monotonic() >= end or depth > 200:
        truncated = True
        return []
    nodes += 1
    role = text(attempt(accessible.getRoleName, "unknown"))
    name = text(attempt(lambda: accessible.name))
    states = states_of(accessible)
    if role in PLAIN and not name and "focusable" not in states:
        return children_of(accessible, depth)
    node = {"role": role, "name": name}
    description = text(attempt(lambda: accessible.description))
    if description:
        node["description"] = description
    value = value_of(accessible, states)
    if value is not None:
        node["value"] = value
    node["states"] = states
    bounds = bounds_of(accessible)
    if bounds is not None:
        node["bounds"] = bounds
    actions = actions_of(accessible)
    if actions:
        node["actions"] = actions
    size += len(json.dumps(node)) + 16
    if depth < most_depth:
        node["children"] = children_of(accessible, depth + 1)
    else:
        node["children"] = []
        truncated = truncated or attempt(lambda: accessible.childCount, 0) > 0
    return [node]


def document_in(accessible, depth, left):
    """The first document of a browser that is shown."""
    if left[0] <= 0 or depth > 30 or time.monotonic() >= end:
        return None
    left[0] -= 1
    if attempt(accessible.getRoleName) == "document web" and "showing" in states_of(accessible):
        return accessible
    for index in range(min(attempt(lambda: accessible.childCount, 0), 200)):
        child = attempt(lambda: accessible.getChildAtIndex(index))
        found = child is not None and document_in(child, depth + 1, left)
        if found:
            return found
    return None


sys.setrecursionlimit(5000)
desktop = attempt(lambda: pyatspi.Registry.getDesktop(0))
if desktop is None:
    answer(None, note="No accessibility bus answers on this desktop.")
document = attempt(lambda: document_in(desktop, 0, [1000]))
if document:
    found = read(document, 1)
    tree = found[0] if found else None
else:
    nodes += 1
    applications = children_of(desktop, 2)
    tree = {"role": "desktop frame", "name": "", "states": [], "children": applications} if applications else None
answer(tree, nodes, truncated, None if tree else "No program on this desktop tells what it shows.")

using System.Text.Json;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Input;

/// <summary>A list of actions that is right as a whole: nothing is done of one that is not.</summary>
internal sealed class ActionList
{
    /// <summary>So many actions one list may have.</summary>
    public const int MostActions = 1_000;

    /// <summary>So many characters the actions of one list may type.</summary>
    public const int MostCharacters = 10_000;

    /// <summary>So long one list may last.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    private ActionList(IReadOnlyList<DesktopAction> actions) => Actions = actions;

    public IReadOnlyList<DesktopAction> Actions { get; }

    /// <param name="body">A list of actions, one action, or an object whose <c>actions</c> is such a list.</param>
    public static KindResult<ActionList> Read(JsonElement body)
    {
        var actions = body.ValueKind == JsonValueKind.Object && body.TryGetProperty("actions", out var listed) ? listed : body;
        if (actions.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object))
            return Failed("Actions are a list: [{\"type\":\"click\",\"x\":100,\"y\":200}].");
        List<DesktopAction> read = [];
        if (actions.ValueKind == JsonValueKind.Array && actions.GetArrayLength() > MostActions)
            return Failed($"There are {actions.GetArrayLength()} actions, and at most {MostActions} can be done at once.");
        foreach (var action in actions.ValueKind == JsonValueKind.Array ? actions.EnumerateArray().AsEnumerable() : [actions])
        {
            var (one, fault) = ReadOne(action, $"actions[{read.Count}]");
            if (fault is not null)
                return KindResult.Failed<ActionList>(fault);
            read.Add(one!);
        }

        var characters = read.OfType<TypeAction>().Sum(type => type.Text.Count);
        if (characters > MostCharacters)
            return Failed($"The actions type {characters} characters, and at most {MostCharacters} can be typed at once.");
        var lasts = read.Aggregate(TimeSpan.Zero, (sum, action) => sum + action.Lasts);
        return lasts > Longest
            ? Failed($"The actions would last {lasts.TotalSeconds:0.#} s, and may last {Longest.TotalSeconds:0} s at most: send them in parts.")
            : KindResult.Of(new ActionList(read));
    }

    /// <summary>The first action that names a point beyond the screen.</summary>
    public LeaseError? OutsideOf(Screens.ScreenSize size)
    {
        for (var index = 0; index < Actions.Count; index++)
        {
            if (Actions[index].At is { } at && Outside(at, size, index) is { } fault)
                return fault;
        }

        return null;
    }

    /// <returns>Null: the point is on the screen.</returns>
    public static LeaseError? Outside(ScreenPoint at, Screens.ScreenSize size, int index) => at.X >= 0 && at.Y >= 0 && at.X < size.Width && at.Y < size.Height
        ? null
        : new LeaseError(422, "invalid_value", $"actions[{index}]: ({at.X}, {at.Y}) is not on the screen, which is {size}: x is from 0 to {size.Width - 1}, y from 0 to {size.Height - 1}.") { Param = $"actions[{index}]" };

    private static (DesktopAction? Action, LeaseError? Fault) ReadOne(JsonElement action, string path)
    {
        if (action.ValueKind != JsonValueKind.Object || !action.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String)
            return (null, Fault(path, $"{path} must be an object with a 'type': one of {ActionTypes.Names}."));
        var name = type.GetRawText().Trim('"');
        if (ActionTypes.Find(name) is not { } read)
            return (null, Fault(path + ".type", $"{path}.type is no action: '{(name.Length > 40 ? name[..40] + "…" : name)}'. There are {ActionTypes.Names}."));
        var fields = new ActionFields(action, path, name);
        var made = read(fields);
        fields.End();
        return fields.Fault is { } fault ? (null, fault) : (made, null);
    }

    private static KindResult<ActionList> Failed(string message) => KindResult.Failed<ActionList>(Fault(null, message));

    private static LeaseError Fault(string? param, string message) => new(422, "invalid_value", message) { Param = param };
}

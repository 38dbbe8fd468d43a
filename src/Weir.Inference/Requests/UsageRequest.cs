using System.Text.Json;

namespace Weir.Inference.Requests;

/// <summary>
/// How a body asks for the usage of a stream (<c>stream_options.include_usage</c>), and what is written where so that it does.
/// The default stands for a body without <c>stream_options</c>.
/// </summary>
public readonly record struct UsageRequest
{
    private static readonly byte[] Options = "{\"include_usage\":true}"u8.ToArray();
    private static readonly byte[] Member = "\"include_usage\":true"u8.ToArray();
    private static readonly byte[] MemberBefore = "\"include_usage\":true,"u8.ToArray();
    private static readonly byte[] True = "true"u8.ToArray();

    private readonly int _start;
    private readonly int _end;
    private readonly Form _form;

    private UsageRequest(Form form, int start = 0, int end = 0) => (_form, _start, _end) = (form, start, end);

    private enum Form : byte
    {
        NoOptions,
        NullOptions,
        EmptyOptions,
        OtherOptions,
        NotTrue,
        Asked,
        Unreadable,
    }

    /// <summary>The body asks.</summary>
    public bool IsAsked => _form == Form.Asked;

    /// <summary>What the body holds is not what the field may be: the provider is to say so.</summary>
    public bool IsUnreadable => _form == Form.Unreadable;

    /// <summary>The body has no <c>stream_options</c>: they are written beside the model.</summary>
    public bool HasNoOptions => _form == Form.NoOptions;

    /// <summary>What makes a body ask that has options but does not; null where there is nothing to change in them.</summary>
    internal Splice? Splice => _form switch
    {
        Form.NullOptions => new Splice(_start, _end, Options),
        Form.EmptyOptions => new Splice(_start, _start, Member),
        Form.OtherOptions => new Splice(_start, _start, MemberBefore),
        Form.NotTrue => new Splice(_start, _end, True),
        _ => null,
    };

    /// <summary>Reads the value of <c>stream_options</c>, whose first token the reader stands at, and leaves it at the last.</summary>
    internal static UsageRequest Read(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return reader.TokenType == JsonTokenType.Null ? new(Form.NullOptions, start, (int)reader.BytesConsumed) : new(Form.Unreadable);
        }

        var found = new UsageRequest(Form.EmptyOptions, start + 1);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isUsage = reader.ValueTextEquals("include_usage"u8);
            reader.Read();
            var at = (int)reader.TokenStartIndex;
            var token = reader.TokenType;
            reader.Skip();
            if (isUsage)
            {
                found = token switch
                {
                    JsonTokenType.True => new(Form.Asked),
                    JsonTokenType.False or JsonTokenType.Null => new(Form.NotTrue, at, (int)reader.BytesConsumed),
                    _ => new(Form.Unreadable),
                };
            }
            else if (found._form == Form.EmptyOptions)
            {
                found = new(Form.OtherOptions, start + 1);
            }
        }

        return found;
    }
}

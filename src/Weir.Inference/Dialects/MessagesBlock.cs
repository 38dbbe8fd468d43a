using System.Buffers;

namespace Weir.Inference.Dialects;

internal enum MessagesBlockKind
{
    Text,
    Thinking,
    RedactedThinking,
    ToolUse,
}

/// <summary>One block of a streamed answer.</summary>
internal sealed class MessagesBlock(MessagesBlockKind kind)
{
    public MessagesBlockKind Kind => kind;

    /// <summary>Of a call.</summary>
    public string Id { get; set; } = "";

    /// <summary>Of a call, as the client knows the tool; empty until the provider has said it.</summary>
    public string Name { get; set; } = "";

    /// <summary>Of redacted thinking.</summary>
    public string Data { get; init; } = "";

    public MessagesArguments Arguments { get; } = new();

    /// <summary>What came while an earlier block was open.</summary>
    public ArrayBufferWriter<byte> Pending { get; } = new();

    /// <summary>Of thinking, once it is signed, which ends it.</summary>
    public byte[]? Signature { get; set; }

    /// <summary>Bytes of thinking so far, by which a repetition of the whole is known.</summary>
    public int Length { get; set; }

    public bool IsOpen { get; set; }

    /// <summary>Nothing more can come, although no other block has begun.</summary>
    public bool IsComplete => kind switch
    {
        MessagesBlockKind.ToolUse => Arguments.IsComplete,
        MessagesBlockKind.Thinking => Signature is not null,
        _ => kind == MessagesBlockKind.RedactedThinking,
    };
}

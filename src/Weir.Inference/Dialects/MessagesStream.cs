using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>
/// The blocks of a streamed answer, of which one is open at a time: a chat may go back and forth between its calls, Anthropic's streams
/// do not. A block is closed when another has begun and it is known to be whole; until then what belongs to later blocks waits.
/// </summary>
internal sealed class MessagesStream(MessagesEvents events, string answerId, Func<string, string> restoreName)
{
    /// <summary>Bytes that may wait for an earlier block to end.</summary>
    private const int MostPending = 16 * 1024 * 1024;

    // Whichever begins first stands first; all but the head of the queue are waiting.
    private readonly Queue<MessagesBlock> _waiting = new();
    private readonly List<(int? Index, string Id, MessagesBlock Block)> _calls = [];
    private readonly StringBuilder _piece = new();
    private MessagesBlock? _last;
    private int _index;
    private long _pending;

    public bool HasCalls => _calls.Count > 0;

    public void Text(ReadOnlySpan<byte> text) => Add(LastOf(MessagesBlockKind.Text), text);

    public void Thinking(ReadOnlySpan<byte> text)
    {
        var block = LastOf(MessagesBlockKind.Thinking);
        block.Length += text.Length;
        Add(block, text);
    }

    /// <summary>A block of thinking with its signature, whose text may have come before.</summary>
    public void Sign(ReadOnlySpan<byte> text, ReadOnlySpan<byte> signature)
    {
        var block = LastOf(MessagesBlockKind.Thinking);
        if (block.Length == 0)
            Thinking(text);
        if (!signature.IsEmpty)
            block.Signature = signature.ToArray();
    }

    public void Redacted(string data) => Begin(new MessagesBlock(MessagesBlockKind.RedactedThinking) { Data = data });

    /// <summary>One piece of one call.</summary>
    public void Call(JsonElement piece)
    {
        var function = piece.TryGetProperty("function"u8, out var given) && given.ValueKind == JsonValueKind.Object ? given : default;
        Call(piece, function.TextOf("name"u8) ?? "", DialectJson.ArgumentsOf(function));
    }

    /// <summary>The one call of an answer in the shape before there were several.</summary>
    public void FunctionCall(JsonElement function) => Call(default, function.TextOf("name"u8) ?? "", DialectJson.ArgumentsOf(function));

    public void Finish()
    {
        foreach (var block in _waiting.ToArray())
        {
            if (block.Kind != MessagesBlockKind.ToolUse)
                continue;
            _piece.Clear();
            block.Arguments.End(_piece);
            AddPiece(block);
            if (block.Name.Length == 0)
                throw new InvalidDataException("The provider's answer calls a tool without naming it.");
        }

        while (_waiting.TryPeek(out var head))
        {
            Open(head);
            Close();
        }
    }

    private void Call(JsonElement piece, string name, string arguments)
    {
        int? index = piece.ValueKind == JsonValueKind.Object && piece.TryGetProperty("index"u8, out var place)
            && place.ValueKind == JsonValueKind.Number && place.TryGetInt32(out var number) ? number : null;
        var id = piece.TextOf("id"u8) ?? "";
        var block = Known(index, id, name);
        if (block?.Arguments.IsComplete == true && id.Length == 0 && name.Length > 0 && arguments.Length > 0)
            block = null;
        if (block is null)
        {
            block = new MessagesBlock(MessagesBlockKind.ToolUse) { Id = id.Length > 0 ? id : $"toolu_{answerId}_{_calls.Count}" };
            _calls.Add((index, id, block));
            Begin(block);
        }

        // Some servers repeat the name with every piece.
        if (block.Name.Length == 0 && name.Length > 0)
        {
            block.Name = restoreName(name);
            if (_waiting.TryPeek(out var head) && head == block)
                Open(block);
        }

        _piece.Clear();
        block.Arguments.Add(arguments, _piece);
        AddPiece(block);
    }

    /// <summary>
    /// The call that a piece belongs to; null where it begins one. Pieces are told apart by index; where there is none, or where two calls
    /// have the same, by id; where there is neither, a name begins a call, as do a name and arguments after those of a call have ended.
    /// </summary>
    private MessagesBlock? Known(int? index, string id, string name)
    {
        for (var at = _calls.Count - 1; at >= 0; at--)
        {
            var call = _calls[at];
            if (index is null ? (id.Length > 0 ? call.Id == id : name.Length == 0) : call.Index == index && (id.Length == 0 || call.Id.Length == 0 || call.Id == id))
                return call.Block;
        }

        return null;
    }

    private void AddPiece(MessagesBlock block)
    {
        if (_piece.Length > 0)
            Add(block, JsonEncodedText.Encode(_piece.ToString(), JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes);
        else
            Advance();
    }

    private MessagesBlock LastOf(MessagesBlockKind kind) =>
        _last is { IsComplete: false } last && last.Kind == kind ? last : Begin(new MessagesBlock(kind));

    private MessagesBlock Begin(MessagesBlock block)
    {
        _last = block;
        _waiting.Enqueue(block);
        Advance();
        return block;
    }

    private void Add(MessagesBlock block, ReadOnlySpan<byte> text)
    {
        if (block.IsOpen)
        {
            Delta(block, text);
        }
        else if (_waiting.Contains(block))
        {
            _pending += text.Length;
            if (_pending > MostPending)
                throw new InvalidDataException($"The provider's answer goes back and forth between its blocks over more than {MostPending >> 20} MB.");
            block.Pending.Write(text);
        }

        Advance();
    }

    /// <summary>Closes what is whole and opens what comes next.</summary>
    private void Advance()
    {
        while (_waiting.TryPeek(out var head))
        {
            if (head.Kind != MessagesBlockKind.ToolUse || head.Name.Length > 0)
                Open(head);
            // Text and thinking end where another block begins; a call may go on beside others until its object ends.
            if (head == _last || (head.Kind == MessagesBlockKind.ToolUse && !head.IsComplete) || !head.IsOpen)
                return;
            Close();
        }
    }

    private void Open(MessagesBlock block)
    {
        if (block.IsOpen)
            return;
        block.IsOpen = true;
        events.BlockStart(_index, block);
        Delta(block, block.Pending.WrittenSpan);
        _pending -= block.Pending.WrittenCount;
        block.Pending.Clear();
    }

    private void Close()
    {
        var block = _waiting.Dequeue();
        block.IsOpen = false;
        if (block.Kind == MessagesBlockKind.Thinking)
            events.SignatureDelta(_index, block.Signature ?? ThinkingSignature.None);
        events.BlockStop(_index++);
    }

    private void Delta(MessagesBlock block, ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            return;
        switch (block.Kind)
        {
            case MessagesBlockKind.Text:
                events.TextDelta(_index, text);
                break;
            case MessagesBlockKind.Thinking:
                events.ThinkingDelta(_index, text);
                break;
            case MessagesBlockKind.ToolUse:
                events.InputDelta(_index, text);
                break;
        }
    }
}

using System.Text;

namespace Weir.Inference.Dialects;

/// <summary>
/// Puts the output of a response together from what a chat says piece by piece, and tells of each step. Reasoning and messages are done when
/// something else begins; calls may grow in any order, so that they are done when the answer is.
/// </summary>
/// <param name="id">What the ids of this answer have in common.</param>
/// <param name="asSummary">Reasoning goes where clients look for its summary.</param>
/// <param name="events">Are told.</param>
internal sealed class ResponsesOutput(string id, bool asSummary, ResponsesEvents events)
{
    // As much as a body that is read whole; the last event of a stream repeats all of it.
    private const int MostText = 32 * 1024 * 1024;

    private readonly List<Started> _calls = [];
    private ResponsesItem? _open;
    private long _text;

    public List<ResponsesItem> Items { get; } = [];

    public void Reasoning(string delta)
    {
        if (delta.Length == 0)
        {
            return;
        }

        var item = OpenReasoning();
        if (item.Text is null)
        {
            item.Text = new StringBuilder();
            Part(item, "added", "");
        }

        Grow(item.Text, delta);
        if (events.Sink is not null)
        {
            var writer = events.Begin(item.AsSummary ? "response.reasoning_summary_text.delta" : "response.reasoning_text.delta", item);
            writer.WriteNumber(item.AsSummary ? "summary_index"u8 : "content_index"u8, 0);
            writer.WriteString("delta"u8, delta);
            events.End();
        }
    }

    /// <param name="block">Signed, as JSON.</param>
    public void Thinking(string block)
    {
        Count(block.Length);
        OpenReasoning().Blocks.Add(block);
    }

    public void Text(string delta, bool isRefusal)
    {
        if (delta.Length == 0)
        {
            return;
        }

        var item = OpenMessage();
        if (item.Parts.Count == 0 || item.Parts[^1].IsRefusal != isRefusal)
        {
            ClosePart(item);
            item.Parts.Add((isRefusal, new StringBuilder()));
            Part(item, "response.content_part.added");
        }

        Grow(item.Parts[^1].Text, delta);
        if (events.Sink is not null)
        {
            var writer = events.Begin(isRefusal ? "response.refusal.delta" : "response.output_text.delta", item);
            writer.WriteNumber("content_index"u8, item.Parts.Count - 1);
            writer.WriteString("delta"u8, delta);
            if (!isRefusal)
            {
                writer.WriteStartArray("logprobs"u8);
                writer.WriteEndArray();
            }

            events.End();
        }
    }

    /// <summary>
    /// A piece of a call. Some servers number every call 0 and some not at all: another id is another call. It becomes an item once it has a name.
    /// </summary>
    public void Call(long index, string? callId, string? name, string arguments)
    {
        var call = Find(index, callId);
        // Without an id, a name begins a call, unless it is what one has waited for.
        if (call is null || (string.IsNullOrEmpty(callId) && !string.IsNullOrEmpty(name) && call.Item is not null))
        {
            _calls.Add(call = new Started(index, callId));
        }

        if (call.Item is null && !string.IsNullOrEmpty(name))
        {
            call.Item = OpenCall(callId ?? call.Id, name);
            arguments = call.Early.Append(arguments).ToString();
        }

        Count(arguments.Length);
        if (call.Item is not { } item)
        {
            call.Early.Append(arguments);
        }
        else if (arguments.Length > 0)
        {
            item.Arguments.Append(arguments);
            if (events.Sink is not null)
            {
                events.Begin("response.function_call_arguments.delta", item).WriteString("delta"u8, arguments);
                events.End();
            }
        }
    }

    /// <summary>Ends every item.</summary>
    /// <param name="isCut">The answer is not whole: neither is its last item.</param>
    public void Close(bool isCut)
    {
        var last = isCut ? Items.Count - 1 : -1;
        CloseOpen(last);
        foreach (var call in _calls)
        {
            CloseCall(call.Item ?? throw new InvalidDataException("The provider's answer calls a tool without naming it."), last);
        }
    }

    /// <summary>An answer that said nothing at all still has a message, which is empty.</summary>
    public void SayNothing()
    {
        var item = OpenMessage();
        item.Parts.Add((false, new StringBuilder()));
        Part(item, "response.content_part.added");
    }

    private ResponsesReasoningItem OpenReasoning()
    {
        if (_open is ResponsesReasoningItem reasoning)
        {
            return reasoning;
        }

        CloseOpen(-1);
        return Add(new ResponsesReasoningItem($"rs_{id}_{Items.Count}", Items.Count, asSummary));
    }

    private ResponsesMessageItem OpenMessage()
    {
        if (_open is ResponsesMessageItem message)
        {
            return message;
        }

        CloseOpen(-1);
        return Add(new ResponsesMessageItem($"msg_{id}_{Items.Count}", Items.Count));
    }

    private ResponsesCallItem OpenCall(string? callId, string name)
    {
        CloseOpen(-1);
        var item = Add(new ResponsesCallItem($"fc_{id}_{Items.Count}", Items.Count, string.IsNullOrEmpty(callId) ? $"call_{id}_{Items.Count}" : callId, name));
        _open = null;
        return item;
    }

    private Started? Find(long index, string? callId) =>
        _calls.FindLast(call => call.Index == index && (string.IsNullOrEmpty(callId) || callId == call.Id));

    private T Add<T>(T item)
        where T : ResponsesItem
    {
        Items.Add(item);
        _open = item;
        if (events.Sink is not null)
        {
            events.Item("response.output_item.added", item);
        }

        return item;
    }

    private void CloseOpen(int last)
    {
        switch (_open)
        {
            case null:
                return;
            case ResponsesReasoningItem { Text: { } text } reasoning:
                TextDone(reasoning, text.ToString());
                break;
            case ResponsesMessageItem message:
                ClosePart(message);
                break;
        }

        Done(_open, last);
        _open = null;
    }

    private void CloseCall(ResponsesCallItem item, int last)
    {
        if (item.Arguments.Length == 0 && item.Index != last)
        {
            // No arguments are an empty object, which is what clients parse.
            item.Arguments.Append("{}");
        }

        if (events.Sink is not null)
        {
            var writer = events.Begin("response.function_call_arguments.done", item);
            writer.WriteString("name"u8, item.Name);
            writer.WriteString("arguments"u8, item.Arguments.ToString());
            events.End();
        }

        Done(item, last);
    }

    private void Done(ResponsesItem item, int last)
    {
        item.Status = item.Index == last ? "incomplete" : "completed";
        if (events.Sink is not null)
        {
            events.Item("response.output_item.done", item);
        }
    }

    private void TextDone(ResponsesReasoningItem item, string text)
    {
        if (events.Sink is not null)
        {
            var writer = events.Begin(item.AsSummary ? "response.reasoning_summary_text.done" : "response.reasoning_text.done", item);
            writer.WriteNumber(item.AsSummary ? "summary_index"u8 : "content_index"u8, 0);
            writer.WriteString("text"u8, text);
            events.End();
            Part(item, "done", text);
        }
    }

    private void Part(ResponsesReasoningItem item, string step, string text)
    {
        if (events.Sink is not null)
        {
            var writer = events.Begin((item.AsSummary ? "response.reasoning_summary_part." : "response.content_part.") + step, item);
            writer.WriteNumber(item.AsSummary ? "summary_index"u8 : "content_index"u8, 0);
            writer.WriteStartObject("part"u8);
            writer.WriteString("type"u8, item.AsSummary ? "summary_text"u8 : "reasoning_text"u8);
            writer.WriteString("text"u8, text);
            writer.WriteEndObject();
            events.End();
        }
    }

    private void ClosePart(ResponsesMessageItem item)
    {
        if (item.Parts.Count == 0 || events.Sink is null)
        {
            return;
        }

        var (isRefusal, text) = item.Parts[^1];
        var writer = events.Begin(isRefusal ? "response.refusal.done" : "response.output_text.done", item);
        writer.WriteNumber("content_index"u8, item.Parts.Count - 1);
        writer.WriteString(isRefusal ? "refusal"u8 : "text"u8, text.ToString());
        if (!isRefusal)
        {
            writer.WriteStartArray("logprobs"u8);
            writer.WriteEndArray();
        }

        events.End();
        Part(item, "response.content_part.done");
    }

    private void Part(ResponsesMessageItem item, string type)
    {
        if (events.Sink is not null)
        {
            var writer = events.Begin(type, item);
            writer.WriteNumber("content_index"u8, item.Parts.Count - 1);
            writer.WritePropertyName("part"u8);
            ResponsesMessageItem.Part(writer, item.Parts[^1].IsRefusal, item.Parts[^1].Text.ToString());
            events.End();
        }
    }

    private void Grow(StringBuilder text, string delta)
    {
        Count(delta.Length);
        text.Append(delta);
    }

    private void Count(int length)
    {
        _text += length;
        if (_text > MostText)
        {
            throw new InvalidDataException($"The answer is longer than {MostText / 1024 / 1024} MB.");
        }
    }

    private sealed class Started(long index, string? id)
    {
        public long Index => index;

        public string? Id => id;

        /// <summary>Arguments that came before the name.</summary>
        public StringBuilder Early { get; } = new();

        /// <summary>Null until the call has a name.</summary>
        public ResponsesCallItem? Item { get; set; }
    }
}

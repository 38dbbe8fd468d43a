using System.Buffers;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>Two translations, one behind the other. What stands between them is never sent anywhere.</summary>
/// <param name="first">From what the client asks for.</param>
/// <param name="second">From there to what the provider is asked for.</param>
/// <param name="fieldOf">The client's field of one in between, for messages to people.</param>
internal sealed class ChainedTranslation(ITranslation first, ITranslation second, Func<string, string> fieldOf) : ITranslation
{
    public Operation From => first.From;

    public Operation To => second.To;

    public InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output)
    {
        using var between = new PooledWriter(budget: null, TranslatedRequest.BoundOf(body.Length));
        if (first.TranslateRequest(body, target, between) is { } error)
        {
            return error;
        }

        var onward = target.Again();
        if (second.TranslateRequest(between.Written, onward, output) is { } refused)
        {
            return refused.Param is { } field && fieldOf(field) is var name && name != field
                ? refused with { Param = name, Message = refused.Message.Replace($"'{field}'", $"'{name}'", StringComparison.Ordinal) }
                : refused;
        }

        foreach (var field in onward.Dropped)
        {
            target.Drop(fieldOf(field));
        }

        return null;
    }

    public AnswerTranslator BeginAnswer(AnswerContext context)
    {
        // In between everything is told that the client may have a right to.
        var inner = second.BeginAnswer(context with { IncludeUsage = true, IsBetween = true });
        return new ChainedAnswer(inner, first.BeginAnswer(context));
    }

    private sealed class ChainedAnswer(AnswerTranslator inner, AnswerTranslator outer) : AnswerTranslator, IEventSink
    {
        private IEventSink? _client;

        public override void Body(ReadOnlyMemory<byte> body, IBufferWriter<byte> output)
        {
            using var between = new PooledWriter(budget: null, TranslatedRequest.BoundOf(body.Length));
            inner.Body(body, between);
            outer.Body(between.Written, output);
        }

        public override void Event(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> data, IEventSink output)
        {
            _client = output;
            inner.Event(name, data, this);
        }

        public override void End(IEventSink output)
        {
            _client = output;
            inner.End(this);
            outer.End(output);
        }

        void IEventSink.Event(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
        {
            // The terminator in between says nothing that End does not.
            if (!data.SequenceEqual("[DONE]"u8))
            {
                using var held = new PooledWriter(budget: null, data.Length);
                held.Write(data);
                outer.Event(name, held.Written, _client!);
            }
        }
    }
}

using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Weir.Retrieval.Collections.Ingest;

/// <summary>Reads documents from bodies and files of every kind that collections take.</summary>
internal sealed class DocumentReaders(CollectionLimits limits)
{
    private readonly DocumentParser _parser = new(limits);

    /// <summary>A list of documents, or one alone. The body is bounded by whoever reads it.</summary>
    public async ValueTask<(IReadOnlyList<IngestItem> Items, RetrievalError? Error)> JsonAsync(Stream body, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        await body.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
        var bytes = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        if (InvalidAt(bytes.Span) is { } at)
            return ([], Malformed($"The body is not valid UTF-8 at byte {at}."));
        if (bytes.Span.StartsWith("\uFEFF"u8))
            bytes = bytes[3..];
        try
        {
            using var json = JsonDocument.Parse(bytes);
            return json.RootElement.ValueKind switch
            {
                JsonValueKind.Array => ([.. json.RootElement.EnumerateArray().Select((element, i) => _parser.Parse(element, $"[{i}]", null))], null),
                JsonValueKind.Object => ([_parser.Parse(json.RootElement, "$", null)], null),
                _ => ([], Malformed("The body must be a list of documents, or one document.")),
            };
        }
        catch (JsonException fault)
        {
            return ([], Malformed($"The body is not JSON: it fails at line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}."));
        }
    }

    /// <summary>One document for each line, read as they come: only one line is held. Empty lines are passed over.</summary>
    public async IAsyncEnumerable<IngestItem> LinesAsync(Stream body, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(body, new StreamPipeReaderOptions(leaveOpen: true, bufferSize: 1 << 16));
        var number = 0;
        var skipping = false;
        // Of the line under way: one that comes drop by drop must not be looked through from its beginning for each.
        long seen = 0;
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            var rest = read.Buffer;
            while (rest.Slice(seen).PositionOf((byte)'\n') is { } end)
            {
                seen = 0;
                number++;
                if (!skipping && Line(rest.Slice(0, end), number) is { } item)
                    yield return item;
                skipping = false;
                rest = rest.Slice(rest.GetPosition(1, end));
            }

            if (read.IsCompleted)
            {
                number++;
                if (!skipping && Line(rest, number) is { } item)
                    yield return item;
                break;
            }

            if (rest.Length > limits.LineBytes)
            {
                if (!skipping)
                    yield return TooLong(number + 1);
                skipping = true;
                rest = rest.Slice(rest.End);
            }

            seen = rest.Length;
            reader.AdvanceTo(rest.Start, rest.End);
        }

        await reader.CompleteAsync().ConfigureAwait(false);
    }

    /// <summary>The body is one document.</summary>
    /// <param name="body">Bounded here.</param>
    /// <param name="markdown">Whether it is Markdown.</param>
    /// <param name="id">Null: derived from the content.</param>
    /// <param name="metadata">Null: none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async ValueTask<(IngestItem? Item, RetrievalError? Error)> TextAsync(
        Stream body, bool markdown, string? id, JsonElement? metadata, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[1 << 16];
        while (await body.ReadAsync(chunk, cancellationToken).ConfigureAwait(false) is > 0 and var read)
        {
            buffer.Write(chunk, 0, read);
            if (buffer.Length > limits.TextBytes + 3)
                return (null, new RetrievalError(413, "text_too_large", $"A document has at most {limits.TextBytes} bytes: divide it into several."));
        }

        var bytes = buffer.GetBuffer().AsSpan(0, (int)buffer.Length);
        if (InvalidAt(bytes) is { } at)
            return (null, Malformed($"The text is not valid UTF-8 at byte {at}."));
        if (bytes.StartsWith("\uFEFF"u8))
            bytes = bytes[3..];
        id ??= $"text-{Convert.ToHexStringLower(SHA256.HashData(bytes))[..32]}";
        return (_parser.Check(id, Encoding.UTF8.GetString(bytes), metadata, "$", null, markdown), null);
    }

    private static RetrievalError Malformed(string message) => new(400, "malformed", message);

    /// <summary>Where bytes stop being UTF-8, from 0; null: nowhere.</summary>
    private static int? InvalidAt(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
            return null;
        var at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out var used) == OperationStatus.Done)
            at += used;
        return at;
    }

    private IngestItem? Line(ReadOnlySequence<byte> sequence, int number)
    {
        if (sequence.Length > limits.LineBytes)
            return TooLong(number);
        var bytes = sequence.IsSingleSegment ? sequence.First : sequence.ToArray();
        if (number == 1 && bytes.Span.StartsWith("\uFEFF"u8))
            bytes = bytes[3..];
        if (bytes.Span.Trim(" \t\r"u8).IsEmpty)
            return null;
        if (InvalidAt(bytes.Span) is { } at)
            return Fail(number, "invalid_utf8", $"line {number} is not valid UTF-8 at byte {at}.");
        try
        {
            using var json = JsonDocument.Parse(bytes);
            return _parser.Parse(json.RootElement, $"line {number}", number);
        }
        catch (JsonException fault)
        {
            return Fail(number, "malformed", $"line {number} is not JSON: it fails at byte {fault.BytePositionInLine + 1}.");
        }
    }

    private IngestItem TooLong(int number) => Fail(number, "line_too_long", $"line {number} has more than {limits.LineBytes} bytes.");

    private static IngestItem Fail(int line, string code, string message) => new(null, new IngestFailure(null, line, code, message)) { Line = line };
}

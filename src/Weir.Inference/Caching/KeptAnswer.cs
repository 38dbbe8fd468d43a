using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Inference.Caching;

/// <summary>A whole answer of status 200, as its provider gave it: a body, or the events of a stream. Immutable.</summary>
/// <param name="ContentType">Null where the provider gave none.</param>
/// <param name="IsStream">It is given again as a stream.</param>
/// <param name="Body">Bytes of the body or of all events.</param>
internal sealed record KeptAnswer(string? ContentType, bool IsStream, ReadOnlyMemory<byte> Body)
{
    private const byte Version = 2;
    private const int HeadLength = 14;
    private const byte StreamFlag = 1;
    private const byte TypeFlag = 2;

    // More than a header lists, and no more than a value of the store has room for.
    private const int MostDropped = 65;
    private const int LongestDropped = 128;

    /// <summary>Fields of the request that were left out on the way to this answer; of very many only the first.</summary>
    public IReadOnlyList<string> Dropped
    {
        get;
        init => field = [.. value.Distinct(StringComparer.Ordinal).Take(MostDropped).Select(name => name.Length <= LongestDropped ? name : name[..LongestDropped])];
    } = [];

    /// <summary>Gives the answer once more.</summary>
    public async ValueTask ReplayAsync(IAnswer answer, InferenceReport report, CancellationToken clientGone)
    {
        report.Status = 200;
        report.Dropped = Dropped;
        answer.Begin(new AnswerHead(200, ContentType, IsStream ? null : Body.Length, report));
        if ((await answer.Body.WriteAsync(Body, clientGone).ConfigureAwait(false)).IsCompleted)
        {
            report.ClientLeft();
        }
    }

    /// <summary>
    /// Whether a whole answer is one that may be given again. A provider may report in a stream, or in a body of status 200, that it
    /// failed or did not finish: that is whole and no answer.
    /// </summary>
    public static bool IsSound(Operation operation, bool isStream, ReadOnlySpan<byte> body) =>
        isStream ? !HasErrorEvent(body) : !IsFailedBody(operation, body);

    /// <summary>For a store of bytes.</summary>
    /// <param name="until">Until when it may be given again, UTC.</param>
    public byte[] Pack(DateTimeOffset until)
    {
        var type = Encoding.ASCII.GetBytes(ContentType ?? "");
        var dropped = Encoding.UTF8.GetBytes(string.Join('\n', Dropped));
        var packed = new byte[HeadLength + type.Length + dropped.Length + Body.Length];
        packed[0] = Version;
        packed[1] = (byte)((IsStream ? StreamFlag : 0) | (ContentType is null ? 0 : TypeFlag));
        BinaryPrimitives.WriteInt64LittleEndian(packed.AsSpan(2), until.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteUInt16LittleEndian(packed.AsSpan(10), checked((ushort)type.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(packed.AsSpan(12), checked((ushort)dropped.Length));
        type.CopyTo(packed, HeadLength);
        dropped.CopyTo(packed, HeadLength + type.Length);
        Body.CopyTo(packed.AsMemory(HeadLength + type.Length + dropped.Length));
        return packed;
    }

    /// <summary>False for what another version wrote, or nobody.</summary>
    public static bool TryUnpack(ReadOnlyMemory<byte> packed, [NotNullWhen(true)] out KeptAnswer? answer, out DateTimeOffset until)
    {
        (answer, until) = (null, default);
        var bytes = packed.Span;
        if (bytes.Length < HeadLength || bytes[0] != Version)
        {
            return false;
        }

        var millis = BinaryPrimitives.ReadInt64LittleEndian(bytes[2..]);
        var typeLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        var droppedLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
        var start = HeadLength + typeLength + droppedLength;
        if (bytes.Length < start || millis < 0 || millis > DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
        {
            return false;
        }

        until = DateTimeOffset.FromUnixTimeMilliseconds(millis);
        answer = new KeptAnswer(
            (bytes[1] & TypeFlag) == 0 ? null : Encoding.ASCII.GetString(bytes.Slice(HeadLength, typeLength)),
            (bytes[1] & StreamFlag) != 0,
            packed[start..])
        {
            Dropped = droppedLength == 0 ? [] : Encoding.UTF8.GetString(bytes.Slice(HeadLength + typeLength, droppedLength)).Split('\n'),
        };
        return true;
    }

    private static bool HasErrorEvent(ReadOnlySpan<byte> events)
    {
        foreach (var range in events.Split((byte)'\n'))
        {
            var line = events[range].TrimEnd((byte)'\r');
            if (line.StartsWith("event:"u8) && IsFailure(line[6..].Trim((byte)' ')))
            {
                return true;
            }

            if (line.StartsWith("data:"u8) && line[5..].TrimStart((byte)' ') is var data
                && (FirstEvent.IsErrorData(data) || (data.StartsWith("{\"type\":"u8) && IsFailure(Quoted(data[8..])))))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> Quoted(ReadOnlySpan<byte> text)
    {
        text = text.TrimStart(" \""u8);
        var close = text.IndexOf((byte)'"');
        return close < 0 ? text : text[..close];
    }

    private static bool IsFailure(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("error"u8) || name.SequenceEqual("response.failed"u8) || name.SequenceEqual("response.incomplete"u8);

    private static bool IsFailedBody(Operation operation, ReadOnlySpan<byte> body)
    {
        // An embedding is not looked into: its vectors are never parsed.
        if (operation == Operation.Embeddings)
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 1024 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isError = reader.ValueTextEquals("error"u8);
                var isStatus = operation == Operation.Responses && reader.ValueTextEquals("status"u8);
                reader.Read();
                if ((isError && reader.TokenType != JsonTokenType.Null)
                    || (isStatus && !(reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("completed"u8))))
                {
                    return true;
                }

                reader.Skip();
            }

            return false;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return true;
        }
    }
}

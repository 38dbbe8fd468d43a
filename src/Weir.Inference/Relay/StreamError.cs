using System.Buffers;
using System.Text;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Relay;

/// <summary>The error event by which a stream ends that cannot be completed, as clients of each operation read it.</summary>
internal static class StreamError
{
    /// <param name="operation">What the client asked for.</param>
    /// <param name="code">Stable, snake_case.</param>
    /// <param name="message">For people, without secrets.</param>
    /// <param name="output">Stands at the border of an event.</param>
    public static void Write(Operation operation, string code, string message, IBufferWriter<byte> output)
    {
        var text = JsonEncodedText.Encode(message);
        output.Write(Encoding.UTF8.GetBytes(operation.StreamEnd switch
        {
            // The event as it is documented, and the member "error" besides: without that official clients pass over the event and
            // their loops end as if the answer were whole.
            StreamEnd.ResponseEvent => $$$"""
                event: error
                data: {"type":"error","code":"{{{code}}}","message":"{{{text}}}","param":null,"error":{"message":"{{{text}}}","type":"upstream_error","param":null,"code":"{{{code}}}"}}


                """,
            StreamEnd.MessageStop => $$$"""
                event: error
                data: {"type":"error","error":{"type":"api_error","message":"{{{text}}}"}}


                """,
            _ => $$$"""
                data: {"error":{"message":"{{{text}}}","type":"upstream_error","param":null,"code":"{{{code}}}"}}


                """,
        }));
    }
}

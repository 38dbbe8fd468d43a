using System.Text;
using Weir.Inference.Requests;

namespace Weir.Tests.Inference.Support;

/// <summary>Makes requests of bodies.</summary>
internal static class Asking
{
    public static InferenceRequest For(string body, Operation operation, bool? cache = null, string tenant = "t", TimeSpan? timeout = null, bool background = false)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        RequestHeadScanner.Scan(bytes, out var head).ShouldBeNull();
        return new InferenceRequest
        {
            Operation = operation, Head = head, Body = bytes, Tenant = tenant, UseCache = cache, Timeout = timeout, IsBackground = background,
        };
    }
}

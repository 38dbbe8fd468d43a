using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Server.Errors;
using Weir.Server.Hosting;

namespace Weir.Server.Leases;

/// <summary>Writes the answers that hand something over: one that does not arrive gives it back.</summary>
internal static class LeaseAnswers
{
    /// <param name="context">Of the request that allocated.</param>
    /// <param name="broker">Takes back what cannot be handed over.</param>
    /// <param name="lease">What was granted.</param>
    /// <param name="shape">What is said of it. Null: it has ended meanwhile.</param>
    /// <param name="status">How it is answered.</param>
    public static async Task WriteReadyAsync<T>(HttpContext context, ILeaseBroker broker, Stored<LeaseRecord> lease, Func<Task<T?>> shape, int status = StatusCodes.Status201Created)
        where T : class
    {
        var isWritten = false;
        try
        {
            if (await shape() is not { } answer)
            {
                await context.WriteErrorAsync(LeaseErrors.EndedBeforeItWasTold());
                return;
            }

            var body = JsonSerializer.SerializeToUtf8Bytes(answer, WireJson.Options);
            context.RequestAborted.ThrowIfCancellationRequested();
            var response = context.Response;
            (response.StatusCode, response.ContentType, response.ContentLength) = (status, "application/json", body.Length);
            response.Headers.CacheControl = "no-store";
            if (status == StatusCodes.Status201Created)
                response.Headers.Location = $"/v1/leases/{lease.Value.Id}";
            // Without the request's token: a client that has the answer and hangs up at once must not look like one that never got it.
            isWritten = !(await response.BodyWriter.WriteAsync(body, CancellationToken.None)).IsCompleted;
        }
        finally
        {
            if (!isWritten)
                await broker.AbandonAsync(lease.Value.Id, lease.Value.FenceOf(lease.Version));
        }
    }
}

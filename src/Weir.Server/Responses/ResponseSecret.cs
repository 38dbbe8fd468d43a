using Microsoft.Extensions.Logging;
using Weir.Inference.Responses;
using Weir.Server.Observability.Health;
using Weir.State;
using Weir.State.Secrets;

namespace Weir.Server.Responses;

/// <summary>Gives the gateway the secret that response ids are signed with. While it has not been read, <c>/v1/responses</c> answers 503 and nothing else is affected.</summary>
internal sealed class ResponseSecret(IStateStore store, ResponseIds ids, TimeProvider time, ILogger<ResponseSecret> log)
    : SharedSecret(store, Key, ResponseIds.SecretLength, time, log), IReadinessCheck
{
    public const string Key = "secrets/response-ids";

    string IReadinessCheck.Name => "response_ids";

    DependencyHealth IReadinessCheck.Check() => ids.IsReady
        ? DependencyHealth.Ok
        : DependencyHealth.Degraded("The secret of response ids has not been read from the store yet; /v1/responses answers 503 until it is.");

    protected override void Use(byte[] secret) => ids.Use(secret);
}

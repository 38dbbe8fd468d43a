using System.Text;
using Weir.Inference.Attempts;
using Weir.Inference.Dialects;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Responses;

/// <summary>Finds the way back to what made a response, and names responses on their way out.</summary>
internal sealed class ResponseDirectory(ResponseIds ids, RouteTables tables)
{
    /// <summary>For a request about a stored response: the one deployment that can answer it.</summary>
    public (RouteModel? Route, InferenceError? Error) Locate(InferenceRequest request, StoredResponseCall call)
    {
        if (NotReady() is { } error)
        {
            return (null, error);
        }

        if (!ids.TryDecode(call.Id, request.Tenant, out var origin))
        {
            return (null, Unknown(call.Id, param: null));
        }

        if (tables.Current.FindDirect(origin.Deployment) is not { } route || AtKey(route, origin.Key) is not { } deployment)
        {
            return (null, Gone(origin, param: null));
        }

        request.Pin = new ResponsePin(call.Id, origin);
        return (route.NarrowedTo(deployment), null);
    }

    /// <summary>
    /// For a new response: checks that it can be named, and where it goes on from another one, narrows the route to the deployment
    /// that made that.
    /// </summary>
    public (RouteModel? Route, InferenceError? Error) Narrow(RouteModel route, InferenceRequest request)
    {
        if (NotReady() is { } error)
        {
            return (null, error);
        }

        if (request.Head.PreviousResponseId is not { } previous)
        {
            return (route, null);
        }

        if (!ids.TryDecode(previous, request.Tenant, out var origin))
        {
            return (null, Unfollowable(route, previous) ?? Unknown(previous, "previous_response_id"));
        }

        if (Maker(route, request, origin) is not { } deployment)
        {
            return (null, Gone(origin, "previous_response_id"));
        }

        request.Pin = new ResponsePin(previous, origin);
        return (route.NarrowedTo(deployment), null);
    }

    /// <summary>Names responses of an answer as the asking tenant may know them.</summary>
    public ResponseIdRewriter RewriterFor(DeploymentModel target, InferenceRequest request)
    {
        var pin = request.Pin;
        var key = ids.FingerprintOf(target.Provider.Name, target.State.Key.ApiKey);
        return new ResponseIdRewriter(
            id => id == pin?.Origin.UpstreamId ? pin.PublicId : ids.Encode(request.Tenant, new ResponseOrigin(target.Name, key, id)),
            request.Stored is null ? null : pin?.Origin.UpstreamId);
    }

    /// <summary>A failure that is passed on speaks of the response by the id that the client knows.</summary>
    public static Failure Rename(Failure failure, ResponsePin pin)
    {
        var text = Encoding.UTF8.GetString(failure.Body.Span);
        var renamed = text.Replace(pin.Origin.UpstreamId, pin.PublicId, StringComparison.Ordinal);
        return ReferenceEquals(text, renamed) ? failure : failure with { Body = Encoding.UTF8.GetBytes(renamed) };
    }

    /// <summary>What a provider means by answering 404 or 405.</summary>
    /// <param name="failure">Its answer.</param>
    /// <param name="pin">The response that the request was about; null: none.</param>
    public static Absence AbsenceOf(Failure failure, ResponsePin? pin)
    {
        if (failure.Status is not (404 or 405))
        {
            return Absence.None;
        }

        var error = ProviderError.Parse(failure.Body.Span);
        if (error.Code is "previous_response_not_found" or "response_not_found")
        {
            return Absence.Response;
        }

        if (failure.Status == 405 || error.Message is not { } said || said.Contains("/responses", StringComparison.Ordinal))
        {
            return Absence.Api;
        }

        return pin is not null && (said.Contains(pin.Origin.UpstreamId, StringComparison.Ordinal) || said.Contains("response", StringComparison.OrdinalIgnoreCase)) ? Absence.Response
            : error.Code is "model_not_found" || said.Contains("model", StringComparison.OrdinalIgnoreCase) ? Absence.Model
            : Absence.Api;
    }

    public static InferenceError Unsupported(DeploymentModel target, InferenceRequest request) =>
        new(422, "responses_unsupported", request.Stored is null
            ? $"Provider '{target.Provider.Name}', where the previous response was made, has no Responses API that takes previous_response_id. Send the whole conversation as \"input\" instead."
            : $"Provider '{target.Provider.Name}', where the response was made, has no Responses API that does this with a stored response.")
        {
            Param = request.Stored is null ? "previous_response_id" : null,
            ShouldRetry = false,
        };

    private InferenceError? NotReady() => ids.IsReady ? null : new InferenceError(
        503, "responses_not_ready", "The state store, which holds the secret that response ids are signed with, has not been reached since this server started. Come back in a moment; other paths are served.")
    {
        RetryAfter = TimeSpan.FromSeconds(2),
    };

    // The provider keeps the response, so that another model there may go on from it where the client asks for one; a deployment
    // that the route no longer has is used only by who may name it.
    private DeploymentModel? Maker(RouteModel route, InferenceRequest request, ResponseOrigin origin)
    {
        DeploymentModel? sibling = null;
        foreach (var deployment in route.Deployments)
        {
            if (!IsAt(deployment, origin))
            {
                continue;
            }

            if (deployment.Name == origin.Deployment)
            {
                return deployment;
            }

            sibling ??= deployment;
        }

        return sibling
            ?? (tables.Current.FindDirect(origin.Deployment) is { } direct && (request.MayUse is null || request.MayUse(direct.Name))
                ? AtKey(direct, origin.Key)
                : null);
    }

    private DeploymentModel? AtKey(RouteModel direct, uint key) =>
        direct.Deployments.FirstOrDefault(deployment => HasKey(deployment, key));

    private bool IsAt(DeploymentModel deployment, ResponseOrigin origin) =>
        origin.Deployment.AsSpan().StartsWith(deployment.Provider.Name)
        && origin.Deployment.Length > deployment.Provider.Name.Length
        && origin.Deployment[deployment.Provider.Name.Length] == '/'
        && HasKey(deployment, origin.Key);

    // A provider's only key may have been replaced since: whether the new one reaches the response is the provider's to say.
    private bool HasKey(DeploymentModel deployment, uint key) =>
        deployment.Provider.Keys.Count == 1 || ids.FingerprintOf(deployment.Provider.Name, deployment.State.Key.ApiKey) == key;

    // Not merely absent: whatever the id, there is nothing there to follow.
    private static InferenceError? Unfollowable(RouteModel route, string previous)
    {
        var isStateless = previous.StartsWith(ResponsesAnswer.IdPrefix, StringComparison.Ordinal);
        if ((!isStateless && route.Deployments.Any(HasResponses)) || route.Deployments.FirstOrDefault() is not { } target)
        {
            return null;
        }

        var why = isStateless
            ? $"the response '{Shortened(previous)}' was translated from a chat and is kept nowhere, as its \"store\": false said."
            : "its provider has no Responses API.";
        return new InferenceError(422, "unsupported_field", $"'previous_response_id' cannot be sent to '{target.Name}': {why} Send the whole conversation as \"input\".")
        {
            Param = "previous_response_id",
            ShouldRetry = false,
        };
    }

    private static bool HasResponses(DeploymentModel deployment) =>
        deployment.Provider.Dialect == Dialect.OpenAI && !deployment.State.Provider.Responses.IsSet;

    private static InferenceError Unknown(string id, string? param) =>
        new(404, "response_not_found", id.StartsWith(ResponsesAnswer.IdPrefix, StringComparison.Ordinal)
            ? $"The response '{Shortened(id)}' was translated from a chat and is kept nowhere, as its \"store\": false said. Send the whole conversation as \"input\"."
            : $"There is no response '{Shortened(id)}' of yours here: an id is good only where it was given and for whom. Without it, send the whole conversation as \"input\".")
        {
            Param = param,
            ShouldRetry = false,
        };

    private static InferenceError Gone(ResponseOrigin origin, string? param) =>
        new(404, "response_not_found", $"The response was made at '{origin.Deployment}', which is no longer configured for this request under the key that made it. Send the whole conversation as \"input\".")
        {
            Param = param,
            ShouldRetry = false,
        };

    private static string Shortened(string id) => id.Length <= 40 ? id : string.Concat(id.AsSpan(0, 40), "…");
}

/// <summary>What a provider does not have.</summary>
internal enum Absence
{
    /// <summary>It says nothing of the kind.</summary>
    None,

    /// <summary>The response: gone, or never kept.</summary>
    Response,

    /// <summary>The model.</summary>
    Model,

    /// <summary>The Responses API, or this part of it.</summary>
    Api,
}

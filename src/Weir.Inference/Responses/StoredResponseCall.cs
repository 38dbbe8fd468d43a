namespace Weir.Inference.Responses;

/// <summary>What is asked about a response that a provider keeps.</summary>
/// <param name="Method">GET, DELETE or POST.</param>
/// <param name="Id">Our id of it, as the client gave it: nothing is known of it yet.</param>
/// <param name="Action">What follows the id in the path, such as <c>/cancel</c>; empty for the response itself.</param>
/// <param name="Query">Passed on as it is, question mark included; empty where there is none.</param>
public sealed record StoredResponseCall(HttpMethod Method, string Id, string Action, string Query);

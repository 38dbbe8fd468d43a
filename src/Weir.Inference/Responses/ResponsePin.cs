namespace Weir.Inference.Responses;

/// <summary>A request that goes on from a stored response, or asks about one: it goes where that was made and nowhere else.</summary>
/// <param name="PublicId">Our id of the response, as the client gave it.</param>
/// <param name="Origin">Where it was made.</param>
internal sealed record ResponsePin(string PublicId, ResponseOrigin Origin);

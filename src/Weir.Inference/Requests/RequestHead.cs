namespace Weir.Inference.Requests;

/// <summary>What the gateway needs to know of a request: found by one scan of its body, the rest is never looked at.</summary>
public readonly record struct RequestHead
{
    /// <summary>The public model name that was asked for.</summary>
    public required string Model { get; init; }

    /// <summary>Where the model's value stands in the body, its quotes included.</summary>
    public required Range ModelValue { get; init; }

    public bool Stream { get; init; }

    /// <summary>For <c>/v1/responses</c>: the answer that this request goes on from; null where it starts afresh.</summary>
    public string? PreviousResponseId { get; init; }

    /// <summary>Where that id's value stands in the body, its quotes included.</summary>
    public Range PreviousResponseValue { get; init; }

    /// <summary>Where the place is in which a stream's usage is asked for, and how it is filled.</summary>
    public UsageRequest Usage { get; init; }

    /// <summary>The bytes of the body.</summary>
    public int Length { get; init; }

    /// <summary>A rough count of the tokens that go in: four bytes each, attachments in base64 apart.</summary>
    public int EstimatedInput { get => field > 0 ? field : Math.Max(1, Length / BodyEstimate.BytesPerToken); init; }
}

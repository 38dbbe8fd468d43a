namespace Weir.Inference.Attempts;

/// <summary>Why an attempt gave no answer, named by culprit. The class alone decides what is done next: see <see cref="RetryPolicy"/>.</summary>
public enum FailureClass
{
    /// <summary>The connection could not be made, or was lost before the first byte of an answer.</summary>
    Network,

    /// <summary>The provider cannot serve just now: 408, 500, 502, 503, 504, 529.</summary>
    Unavailable,

    /// <summary>The provider has had enough from us for now: 425, 429.</summary>
    RateLimited,

    /// <summary>The provider does not accept our key.</summary>
    KeyRefused,

    /// <summary>The provider accepts the key, but not for this.</summary>
    DeploymentRefused,

    /// <summary>The provider does not have the model.</summary>
    Absent,

    /// <summary>Sent whole and not answered in time: the provider may have done the work.</summary>
    Timeout,

    /// <summary>The answer broke off, and nothing of it had gone to the client.</summary>
    Broken,

    /// <summary>The request itself is at fault; the provider's answer is the client's.</summary>
    Client,

    /// <summary>The deployment's dialect cannot express the request: it was not asked.</summary>
    Inexpressible,

    /// <summary>The client left.</summary>
    Cancelled,

    /// <summary>The request's own deadline passed.</summary>
    Deadline,
}

using System.Diagnostics.CodeAnalysis;

namespace Weir.Flow.Admission;

/// <summary>Either a permit, which must be released, or a refusal.</summary>
public readonly struct AdmissionResult
{
    internal AdmissionResult(AdmissionPermit permit) => Permit = permit;

    internal AdmissionResult(AdmissionRefusal refusal) => Refusal = refusal;

    public AdmissionPermit? Permit { get; }

    public AdmissionRefusal? Refusal { get; }

    [MemberNotNullWhen(true, nameof(Permit))]
    [MemberNotNullWhen(false, nameof(Refusal))]
    public bool IsAdmitted => Permit is not null;
}

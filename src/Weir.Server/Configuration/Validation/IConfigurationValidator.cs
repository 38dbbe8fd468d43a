using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>One concern that types and ranges cannot express. Never throws and never shows a secret.</summary>
internal interface IConfigurationValidator
{
    void Validate(WeirOptions options, FaultList faults);
}

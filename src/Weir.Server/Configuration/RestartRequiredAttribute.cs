namespace Weir.Server.Configuration;

/// <summary>A setting that is read once, at start: a reload that changes it says so and leaves the running server as it is.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class RestartRequiredAttribute : Attribute;

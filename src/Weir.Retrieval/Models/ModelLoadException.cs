namespace Weir.Retrieval.Models;

/// <summary>A model that cannot be used: the message names the file, what in it is wrong, and what would be right.</summary>
public sealed class ModelLoadException : Exception
{
    public ModelLoadException()
    {
    }

    public ModelLoadException(string message)
        : base(message)
    {
    }

    public ModelLoadException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

namespace Weir.Server.Configuration.Reading;

/// <summary>The bytes of the file, or the fault that there are none.</summary>
internal static class ConfigurationFile
{
    /// <summary>Null where there is no file and none was asked for, or where it cannot be read.</summary>
    public static byte[]? Read(ConfigurationSources sources, FaultList faults)
    {
        var path = sources.FilePath;
        var origin = new Origin(path);
        if (sources.Piped.Text is { } piped) return piped;

        try
        {
            if (Directory.Exists(path))
            {
                faults.AddSyntax(origin, "", "is a folder", "Name a file");
                return null;
            }

            using var file = File.OpenRead(path);
            // A pipe has no length: what counts is what comes.
            var text = new MemoryStream();
            var buffer = new byte[16 * 1024];
            while (file.Read(buffer) is > 0 and var read)
            {
                text.Write(buffer, 0, read);
                if (text.Length > ConfigurationLoader.MaxFileBytes)
                {
                    faults.AddSyntax(origin, "", "is larger than 4 MB", "Name a configuration file");
                    return null;
                }
            }

            if (!file.CanSeek) sources.Piped.Text = text.ToArray();
            return text.ToArray();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            if (sources.File is not null)
            {
                faults.AddSyntax(origin, "", "there is no such file", "Check the path, which is relative to the working directory");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            faults.AddSyntax(origin, "", $"cannot be read: {exception.Message.TrimEnd('.')}", "Check its permissions");
        }

        return null;
    }
}

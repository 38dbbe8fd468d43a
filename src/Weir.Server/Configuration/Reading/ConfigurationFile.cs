namespace Weir.Server.Configuration.Reading;

/// <summary>The bytes of the file, or the fault that there are none.</summary>
internal static class ConfigurationFile
{
    /// <summary>Null where there is no file and none was asked for, or where it cannot be read.</summary>
    public static byte[]? Read(ConfigurationSources sources, FaultList faults)
    {
        var path = sources.FilePath;
        var origin = new Origin(path);
        try
        {
            if (Directory.Exists(path))
            {
                faults.AddSyntax(origin, "", "is a folder", "Name a file");
                return null;
            }

            using var file = File.OpenRead(path);
            if (file.Length > ConfigurationLoader.MaxFileBytes)
            {
                faults.AddSyntax(origin, "", "is larger than 4 MB", "Name a configuration file");
                return null;
            }

            var text = new MemoryStream();
            file.CopyTo(text);
            return text.ToArray();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            if (sources.File is not null)
            {
                faults.AddSyntax(origin, "", "there is no such file", "Check the path, which is relative to the working directory");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.AddSyntax(origin, "", $"cannot be read: {exception.Message.TrimEnd('.')}", "Check its permissions");
        }

        return null;
    }
}

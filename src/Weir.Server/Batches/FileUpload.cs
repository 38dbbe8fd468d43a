using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.Server.Endpoints;
using Weir.Server.Errors;
using Weir.State;

namespace Weir.Server.Batches;

/// <summary>
/// Reads one upload, part by part as it comes: the file goes straight into the blob store, whatever its place among the parts, and is
/// removed again if the rest turns out to be wrong.
/// </summary>
internal sealed class FileUpload(BatchFiles files, HttpContext context, string tenant)
{
    private const int MostParts = 16;
    private const int LongestField = 1024;
    private const int LongestBoundary = 256;
    private const long Around = 64 * 1024;
    private const long ShortestLife = 3600;
    private const long LongestLife = 30 * 24 * 3600;

    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);
    private string? _blob;
    private string? _filename;
    private long _bytes;

    /// <returns>The file, or why there is none; exactly one is null.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or full.</exception>
    public async Task<(FileRecord? File, ApiError? Error)> ReadAsync()
    {
        var isKept = false;
        try
        {
            TimeSpan? lifetime = null;
            var error = await ReadPartsAsync();
            error ??= Check(out lifetime);
            if (error is null && await files.RoomAsync(tenant, _bytes, context.RequestAborted) is { } full) error = InferenceEndpoints.Of(full);
            if (error is not null) return (null, error);

            // From here on the file may have been made, whatever becomes of the answer.
            isKept = true;
            return (await files.AddAsync(new NewFile(tenant, _blob!, _bytes, _filename!, _fields["purpose"]), lifetime, CancellationToken.None), null);
        }
        finally
        {
            if (_blob is not null && !isKept) await files.DropAsync(_blob);
        }
    }

    private async Task<ApiError?> ReadPartsAsync()
    {
        var request = context.Request;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= LongestBoundary } boundary)
        {
            return new ApiError(415, "content_type", "A file is uploaded as multipart/form-data with the parts 'file' and 'purpose'.");
        }

        // The bound of other bodies is not this one's; its own is kept below.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;

        if (request.ContentLength > files.Limits.FileBytes + Around) return TooLarge();

        var body = new UploadStream(request.Body, files.Limits.FileBytes + Around);
        try
        {
            var reader = new MultipartReader(boundary.ToString(), body, 64 * 1024);
            for (var parts = 0; await reader.ReadNextSectionAsync(context.RequestAborted) is { } part; parts++)
            {
                if (parts >= MostParts) return ApiError.Malformed($"The form has more than {MostParts} parts.");
                if (await ReadPartAsync(part) is { } error) return error;
            }

            return null;
        }
        catch (Exception fault) when (fault is IOException or InvalidDataException && fault is not BadHttpRequestException && !context.RequestAborted.IsCancellationRequested)
        {
            return body.IsTooLarge ? TooLarge() : ApiError.Malformed("The form could not be read: it ends too early, or its parts are not separated by its boundary.");
        }
    }

    private async Task<ApiError?> ReadPartAsync(MultipartSection part)
    {
        if (!ContentDispositionHeaderValue.TryParse(part.ContentDisposition, out var disposition)
            || HeaderUtilities.RemoveQuotes(disposition.Name) is not { Length: > 0 and <= 64 } name)
        {
            return ApiError.Malformed("A part of the form has no name.");
        }

        if (name == "file")
        {
            var filename = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).ToString();
            return await ReadFileAsync(part.Body, filename);
        }

        if (_fields.Count >= MostParts || !_fields.TryAdd(name.ToString(), await ReadFieldAsync(part.Body) ?? ""))
            return ApiError.Malformed($"The form gives '{name}' twice.", name.ToString());
        return null;
    }

    private async Task<ApiError?> ReadFileAsync(Stream content, string filename)
    {
        if (_blob is not null) return ApiError.Malformed("The form gives 'file' twice.", "file");
        if (filename.Length is 0 or > 255 || filename.Any(char.IsControl))
            return ApiError.Malformed("The part 'file' needs a filename of 1 to 255 characters.", "file");

        var upload = new UploadStream(content, files.Limits.FileBytes);
        try
        {
            _blob = await files.StoreAsync(upload, context.RequestAborted);
        }
        catch (Exception) when (upload.IsTooLarge)
        {
            return TooLarge();
        }
        catch (Exception) when (upload.Fault is { } fault)
        {
            // The store took it for its own.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
        }

        (_filename, _bytes) = (filename, upload.Bytes);
        return null;
    }

    // Null where it is longer than any value that is known.
    private async Task<string?> ReadFieldAsync(Stream content)
    {
        var buffer = new byte[LongestField + 1];
        var length = await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted);
        return length > LongestField ? null : Encoding.UTF8.GetString(buffer, 0, length);
    }

    private ApiError? Check(out TimeSpan? lifetime)
    {
        lifetime = null;
        if (_blob is null) return ApiError.Malformed("The form has no part 'file'.", "file");
        if (_bytes == 0) return ApiError.Malformed("The file is empty.", "file");
        if (_fields.GetValueOrDefault("purpose") is not { Length: > 0 and <= 64 } purpose || purpose.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-')))
            return ApiError.Malformed("The form needs a part 'purpose', such as 'batch'.", "purpose");

        var (anchor, seconds) = (_fields.GetValueOrDefault("expires_after[anchor]"), _fields.GetValueOrDefault("expires_after[seconds]"));
        if (anchor is null && seconds is null) return null;
        if (anchor != "created_at") return ApiError.Malformed("'expires_after[anchor]' must be 'created_at'.", "expires_after");
        if (!long.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var life) || life is < ShortestLife or > LongestLife)
            return ApiError.Malformed($"'expires_after[seconds]' must be from {ShortestLife} to {LongestLife}.", "expires_after");
        lifetime = TimeSpan.FromSeconds(life);
        return null;
    }

    private ApiError TooLarge()
    {
        // The rest of it is not waited for.
        context.Response.Headers.Connection = "close";
        return new ApiError(413, "file_too_large", $"The file is larger than {files.Limits.FileBytes} bytes: split it.") { Param = "file" };
    }
}

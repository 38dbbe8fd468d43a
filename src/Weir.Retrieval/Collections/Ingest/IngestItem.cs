using System.Text.Json;

namespace Weir.Retrieval.Collections.Ingest;

/// <summary>One item of what is taken in: a document, or what is wrong with what stands in its place. Exactly one is null.</summary>
public sealed record IngestItem(NewDocument? Document, IngestFailure? Failure)
{
    /// <summary>Its place, for what turns out later.</summary>
    public int? Line { get; init; }
}

/// <summary>A document to be taken in.</summary>
/// <param name="Id">Replaces the document of that id.</param>
/// <param name="Text">Not empty.</param>
public sealed record NewDocument(string Id, string Text)
{
    /// <summary>An object; null: none.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Its headings are borders and go before the text of each chunk.</summary>
    public bool Markdown { get; init; }

    /// <summary>The loaded file that it comes from; null: it was sent.</summary>
    public string? Source { get; init; }
}

/// <summary>An item that did not go in.</summary>
/// <param name="Id">Its id, where it has one.</param>
/// <param name="Line">Of JSON Lines, from 1; null: it did not come in lines.</param>
/// <param name="Code">Stable, in snake_case.</param>
/// <param name="Message">What was wrong, where, and what to do.</param>
public sealed record IngestFailure(string? Id, int? Line, string Code, string Message);

/// <summary>What has become of an ingest so far.</summary>
public sealed record IngestReport
{
    /// <summary>Stored by this ingest, new or changed.</summary>
    public int Documents { get; init; }

    /// <summary>Of those documents.</summary>
    public int Chunks { get; init; }

    /// <summary>Documents that were there already with the same content.</summary>
    public int Unchanged { get; init; }

    /// <summary>What did not go in; of very many only the first are listed.</summary>
    public IReadOnlyList<IngestFailure> Failed { get; init; } = [];

    /// <summary>All that did not go in.</summary>
    public int FailedTotal { get; init; }
}

/// <summary>How an ingest ended.</summary>
/// <param name="Report">What is in by now.</param>
/// <param name="Error">Why it stopped before its end; what is reported is in, and sending all of it again costs only the rest. Null: it did not.</param>
public sealed record IngestOutcome(IngestReport Report, RetrievalError? Error);

namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>The tokens that a tokenizer knows, by id and in the order of its file.</summary>
internal sealed class Vocabulary
{
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<string?> _byId = [];

    /// <summary>Every token with its id.</summary>
    public IReadOnlyCollection<KeyValuePair<string, int>> Tokens => _ids;

    /// <summary>Ids are below this.</summary>
    public int Size => _byId.Count;

    /// <summary>-1: there is no such token.</summary>
    public int IdOf(string token) => _ids.GetValueOrDefault(token, -1);

    /// <summary>Empty where an id was left out.</summary>
    public string TokenOf(int id) => _byId[id] ?? "";

    /// <summary>False: another token has the id, or the token another id.</summary>
    public bool TryAdd(string token, int id)
    {
        while (_byId.Count <= id)
            _byId.Add(null);
        if (_byId[id] is { } other && other != token)
            return false;
        if (!_ids.TryAdd(token, id))
            return _ids[token] == id;
        _byId[id] = token;
        return true;
    }
}

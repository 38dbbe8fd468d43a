namespace Weir.Retrieval.Catalogs;

/// <summary>The errors of catalogs, each with what to do.</summary>
internal static class CatalogErrors
{
    public static RetrievalError NoCatalog(string name) =>
        new(404, "catalog_not_found", $"There is no catalog '{Shown(name)}' here. GET /v1/catalogs lists yours and those of everybody; PUT /v1/catalogs/{{name}}/tools makes one.");

    public static RetrievalError NoTool(string name, string tool) =>
        new(404, "tool_not_found", $"Catalog '{Shown(name)}' has no tool '{Shown(tool)}'. GET /v1/catalogs/{Shown(name)}/tools lists them.");

    public static RetrievalError BadName => new(422, "invalid_name", "A catalog's name has 1 to 63 letters, digits, '.', '_' and '-', and begins with a letter or digit.") { Param = "name" };

    public static RetrievalError GlobalNeedsAdmin => new(403, "role_missing", "A catalog for all tenants takes a key with the role admin. Leave \"global\" out for one of your own.") { Param = "global" };

    public static RetrievalError GlobalIsAdmins(string name) => new(403, "role_missing", $"Catalog '{Shown(name)}' belongs to everybody: changing it takes a key with the role admin.");

    public static RetrievalError CommandNeedsAdmin(string place) =>
        new(403, "role_missing", $"{place} starts a program on this server, which takes a key with the role admin, or the configuration. Name a url instead.") { Param = place };

    public static RetrievalError TooMany(int limit) =>
        new(422, "too_many_catalogs", $"There are {limit} catalogs already, which is the most. Delete one, or put tools together: a category tells them apart.");

    public static RetrievalError NoModel(string model) =>
        new(422, "model_not_found", $"There is no embedding model '{Shown(model)}' here. embeddings.models in the configuration names them.") { Param = "embedding_model" };

    public static RetrievalError NotIndexed =>
        new(503, "catalog_indexing", "The catalog is being indexed for the first time. Ask again in a moment.") { RetryAfter = TimeSpan.FromSeconds(2) };

    public static RetrievalError OfServers(string name) =>
        new(409, "catalog_of_servers", $"The tools of catalog '{Shown(name)}' are those of its MCP servers, and change there. PUT /v1/catalogs/{Shown(name)}/tools with a list replaces them all.");

    public static RetrievalError Busy => new(409, "conflict", "Others changed the catalog at the same time. Look at what it is now, and send the change again.");

    public static RetrievalError Invalid(string place, string message) => new(422, "invalid_value", $"{place} {message}.") { Param = place };

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";
}

using System.Text.Json;
using Weir.Retrieval.Filters;

namespace Weir.Tests.Retrieval.Filters;

public sealed class MetadataFilterTests
{
    private const string Metadata = """
        {"lang":"en","year":2021,"price":9.5,"big":9007199254740993,"draft":false,"none":null,"tags":["a","b",3],"author":{"name":"Ann","langs":["de","fr"]},
         "parts":[{"id":1,"kind":"x"},{"id":2}],"a.b":"flat","date":"2024-05-01T00:00:00Z"}
        """;

    [Theory]
    [InlineData("{}", true)]
    [InlineData("""{"lang":"en"}""", true)]
    [InlineData("""{"lang":"EN"}""", false)]
    [InlineData("""{"lang":"en","year":2022}""", false)]
    [InlineData("""{"year":2021.0}""", true)]
    [InlineData("""{"year":"2021"}""", false)]
    [InlineData("""{"big":9007199254740992}""", false)]
    [InlineData("""{"draft":false}""", true)]
    [InlineData("""{"draft":0}""", false)]
    [InlineData("""{"none":null}""", true)]
    [InlineData("""{"missing":null}""", false)]
    [InlineData("""{"year":{"$gte":2020,"$lt":2024}}""", true)]
    [InlineData("""{"year":{"$gt":2021}}""", false)]
    [InlineData("""{"year":{"$lte":2021}}""", true)]
    [InlineData("""{"year":{"$gt":"2000"}}""", false)]
    [InlineData("""{"price":{"$gt":9,"$lt":9.6}}""", true)]
    [InlineData("""{"date":{"$gte":"2024-01-01","$lt":"2025"}}""", true)]
    [InlineData("""{"lang":{"$eq":"en"}}""", true)]
    [InlineData("""{"lang":{"$ne":"en"}}""", false)]
    [InlineData("""{"missing":{"$ne":"en"}}""", true)]
    [InlineData("""{"lang":{"$in":["de","en"]}}""", true)]
    [InlineData("""{"lang":{"$in":[]}}""", false)]
    [InlineData("""{"lang":{"$nin":["de","en"]}}""", false)]
    [InlineData("""{"missing":{"$nin":["de"]}}""", true)]
    [InlineData("""{"lang":{"$exists":true},"nope":{"$exists":false}}""", true)]
    [InlineData("""{"none":{"$exists":false}}""", false)]
    [InlineData("""{"tags":"b"}""", true)]
    [InlineData("""{"tags":{"$gt":2}}""", true)]
    [InlineData("""{"tags":{"$ne":"a"}}""", false)]
    [InlineData("""{"author.name":"Ann"}""", true)]
    [InlineData("""{"author.langs":{"$in":["fr"]}}""", true)]
    [InlineData("""{"author.name.first":"Ann"}""", false)]
    [InlineData("""{"parts.id":2}""", true)]
    [InlineData("""{"parts.id":3}""", false)]
    [InlineData("""{"a.b":"flat"}""", true)]
    [InlineData("""{"$or":[{"lang":"de"},{"year":2021}]}""", true)]
    [InlineData("""{"$and":[{"lang":"en"},{"year":{"$ne":2021}}]}""", false)]
    [InlineData("""{"$not":{"lang":"de"}}""", true)]
    [InlineData("""{"year":{"$not":{"$gte":2022}}}""", true)]
    public void Matches_Metadata_AsDocumented(string filter, bool expected) => Parse(filter).Matches(JsonElement.Parse(Metadata)).ShouldBe(expected);

    [Theory]
    [InlineData("[]", "filter must be an object such as {\"lang\":\"en\"}, not a list.")]
    [InlineData("""{"year":{"$gtee":1}}""", "filter.year.$gtee is no operator; there are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not.")]
    [InlineData("""{"$nor":[{}]}""", "filter.$nor is no operator between conditions; there are $and, $or and $not. A name of a field may not begin with $.")]
    [InlineData("""{"a":{"b":1}}""", "filter.a.b is no operator; there are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not. A field inside of another is named by a path: \"a.b\".")]
    [InlineData("""{"a":{}}""", "filter.a says nothing; there are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not.")]
    [InlineData("""{"a":[1]}""", "filter.a is a list: for any of several values write {\"$in\":[…]}.")]
    [InlineData("""{"a":{"$in":1}}""", "filter.a.$in must be a list of values, not a number.")]
    [InlineData("""{"a":{"$in":[[1]]}}""", "filter.a.$in must be a text, a number, true, false or null, not a list.")]
    [InlineData("""{"a":{"$gt":true}}""", "filter.a.$gt must be a number or a text, not true or false.")]
    [InlineData("""{"a":{"$exists":1}}""", "filter.a.$exists must be true or false, not a number.")]
    [InlineData("""{"$or":[]}""", "filter.$or must be a list of at least one filter.")]
    [InlineData("""{"$or":[{"a":1},2]}""", "filter.$or[1] must be an object such as {\"lang\":\"en\"}, not a number.")]
    [InlineData("""{"a":{"$not":1}}""", "filter.a.$not must be an object of operators such as {\"$gte\":2020}; for one value write $ne.")]
    [InlineData("""{"a":"\ud800"}""", "filter holds half of a surrogate pair, which is no character.")]
    public void TryParse_Fault_NamesItsPlace(string filter, string message)
    {
        MetadataFilter.TryParse(JsonElement.Parse(filter), out var parsed, out var error).ShouldBeFalse();

        parsed.ShouldBeNull();
        error!.ShouldSatisfyAllConditions(e => e.Status.ShouldBe(400), e => e.Code.ShouldBe("invalid_filter"), e => e.Message.ShouldBe(message));
    }

    [Fact]
    public void TryParse_TooMuchOfAnything_IsRefused()
    {
        var deep = string.Concat(Enumerable.Repeat("""{"$not":""", 9)) + "{}" + new string('}', 9);
        var many = "{" + string.Join(',', Enumerable.Range(0, 257).Select(i => $"\"f{i}\":1")) + "}";
        var values = "{\"a\":{\"$in\":[" + string.Join(',', Enumerable.Range(0, 1001)) + "]}}";
        var text = $$"""{"a":"{{new string('x', 1025)}}"}""";
        var path = $$"""{"{{new string('x', 257)}}":1}""";

        foreach (var filter in (string[])[deep, many, values, text, path])
            MetadataFilter.TryParse(JsonElement.Parse(filter), out _, out _).ShouldBeFalse(filter);
    }

    [Fact]
    public void Matches_MetadataThatIsNoObjectOrNoText_DoesNot()
    {
        Parse("""{"a":"b"}""").Matches(JsonElement.Parse("[1]")).ShouldBeFalse();
        Parse("""{"a":{"$gt":"b"}}""").Matches(JsonElement.Parse("""{"a":"\ud800"}""")).ShouldBeFalse();
    }

    private static MetadataFilter Parse(string json)
    {
        MetadataFilter.TryParse(JsonElement.Parse(json), out var filter, out var error).ShouldBeTrue(error?.Message);
        return filter!;
    }
}

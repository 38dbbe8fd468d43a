using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Kinds;

public sealed class KindSortsTests
{
    [Fact]
    public void AddResourceKind_OneThatCannotBeMadeHere_HasItsSortAllTheSame()
    {
        using var services = new ServiceCollection().AddResourceKind<NeedyKind>().AddResourceKind<ScratchFolderKind>().BuildServiceProvider();

        var sorts = new KindSorts(services.GetServices<KindSort>());

        sorts.Names.ShouldBe(["needy", "scratch"]);
        sorts.Of("needy").ShouldBeSameAs(NeedyKind.Sort);
        Should.Throw<InvalidOperationException>(() => services.GetServices<RegisteredKind>().ToList());
    }

    [Theory]
    [InlineData("needy", true)]
    [InlineData("needy:one", true)]
    [InlineData("need", false)]
    [InlineData("one:needy", false)]
    [InlineData(":needy", false)]
    public void Of_NameOfAKind_IsTheSortThatItBeginsWith(string kind, bool isKnown) =>
        (new KindSorts([NeedyKind.Sort]).Of(kind) is not null).ShouldBe(isKnown);

    [Fact]
    public void Sort_ThatSaysNothing_AsksForItsCapacityAndForNothingToBeDone()
    {
        var (sort, options) = (new KindSort("plain"), new KindOptions { Capacity = 3 });

        sort.SlotsOf(options).ShouldBe(["0", "1", "2"]);
        (sort.TraitsOf(options), sort.FaultsOf("plain", options).Count, sort.ConfigFaultOf(options, null)).ShouldBe((KindTraits.None, 0, null));
    }

    [Fact]
    public void AddResourceKind_AnObjectOfTheCallers_DoesTheWorkOfItsSort()
    {
        var own = new ScratchFolderKind();
        using var services = new ServiceCollection().AddSingleton<ResourceKinds>().AddResourceKind(new KindSort("own"), _ => own).BuildServiceProvider();

        var kinds = services.GetRequiredService<ResourceKinds>();

        (kinds.Of("own:a"), kinds.Of("scratch")).ShouldBe((own, null));
        kinds.All.Select(kind => kind.Sort.Name).ShouldBe(["own"]);
    }

    /// <summary>Needs what is not there.</summary>
    private sealed class NeedyKind(TimeProvider time) : ResourceKind, IKindOfSort
    {
        public static KindSort Sort { get; } = new("needy");

        public TimeProvider Time => time;
    }
}

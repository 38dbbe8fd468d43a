using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Shapes;

namespace Weir.Tests.Server.Configuration.Binding;

public sealed class LaterSettingsTests
{
    [Fact]
    public void Names_Rows_NameNothingThatExists()
    {
        foreach (var row in LaterSettings.Names)
        {
            Exists(ShapeReader.Root, row.Split('.')).ShouldBeFalse($"{row} exists: remove its row from LaterSettings.");
        }
    }

    [Fact]
    public void Words_Rows_AreOfSettingsThatExist()
    {
        foreach (var row in LaterSettings.Words)
        {
            Exists(ShapeReader.Root, row.Split('=')[0].Split('.')).ShouldBeTrue($"{row} is of a setting that does not exist.");
        }
    }

    private static bool Exists(Shape? shape, ReadOnlySpan<string> path) => path.Length == 0 ? shape is not null : shape switch
    {
        ObjectShape known => Exists(known.Find(path[0])?.Shape, path[1..]),
        MapShape map => path[0] == "*" && Exists(map.Value, path[1..]),
        ListShape list => path[0] == "*" && Exists(list.Item, path[1..]),
        _ => false,
    };
}

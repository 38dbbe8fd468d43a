using System.Reflection;
using System.Text;
using System.Xml.Linq;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Configuration.Schema;

/// <summary>The summaries of option types, from the documentation files that the build lays beside the assemblies.</summary>
internal sealed class DocComments
{
    private readonly Dictionary<Assembly, Dictionary<string, XElement>> _files = [];

    /// <summary>Null where there is no comment.</summary>
    /// <exception cref="FileNotFoundException">The assembly was deployed without its documentation file.</exception>
    public string? Summary(MemberInfo member)
    {
        var name = member switch
        {
            Type type => $"T:{type.FullName}",
            PropertyInfo => $"P:{member.DeclaringType!.FullName}.{member.Name}",
            _ => $"F:{member.DeclaringType!.FullName}.{member.Name}",
        };
        var assembly = (member as Type ?? member.DeclaringType!).Assembly;
        return File(assembly).TryGetValue(name, out var summary) ? Text(summary) : null;
    }

    private Dictionary<string, XElement> File(Assembly assembly)
    {
        if (_files.TryGetValue(assembly, out var known))
        {
            return known;
        }

        var path = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        var members = XDocument.Load(path).Descendants("member")
            .Where(member => member.Element("summary") is not null)
            .ToDictionary(member => (string)member.Attribute("name")!, member => member.Element("summary")!, StringComparer.Ordinal);
        return _files[assembly] = members;
    }

    /// <summary>Settings are named as the file names them, and white space is what a line break of the source was.</summary>
    private static string Text(XElement summary)
    {
        var text = new StringBuilder();
        foreach (var node in summary.Nodes())
        {
            if (node is XElement { Name.LocalName: "see" } see)
            {
                var target = (string?)see.Attribute("cref") ?? (string?)see.Attribute("langword") ?? "";
                text.Append(ShapeReader.WireName(target[(target.LastIndexOf('.') + 1)..]));
            }
            else
            {
                text.Append(node is XElement element ? element.Value : node.ToString());
            }
        }

        return string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}

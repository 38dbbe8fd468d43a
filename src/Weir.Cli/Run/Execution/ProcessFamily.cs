namespace Weir.Cli.Run.Execution;

/// <summary>
/// All that came of one command: its session, what descends from it, and what was orphaned on the way and still carries its mark in its environment. A process
/// that leaves its group and session, and whose parents are gone, is found all the same, since this process adopts orphans.
/// </summary>
/// <param name="leader">The first process, which leads its own session. Null: it is not known, and the mark alone finds them.</param>
/// <param name="variable">Of the environment.</param>
/// <param name="mark">Its value, of this family alone.</param>
/// <param name="time">The clock.</param>
internal sealed class ProcessFamily(int? leader, string variable, string mark, TimeProvider time)
{
    private const int Init = 1;
    private const int MostRounds = 200;
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromMilliseconds(20);

    /// <summary>Those that have not ended.</summary>
    public List<int> Members()
    {
        var entries = ProcessTable.Read();
        var members = new HashSet<int>();
        foreach (var entry in entries)
        {
            if (entry.Id != Environment.ProcessId && IsKnownAs(entry))
                members.Add(entry.Id);
        }

        // Children of members, and theirs: as often as that finds more.
        for (var before = -1; before != members.Count;)
        {
            before = members.Count;
            foreach (var entry in entries)
            {
                if (members.Contains(entry.Parent))
                    members.Add(entry.Id);
            }
        }

        return [.. entries.Where(entry => !entry.IsZombie && members.Contains(entry.Id)).Select(entry => entry.Id)];
    }

    public void Signal(int signal)
    {
        if (leader is { } group)
            Native.Signal(-group, signal);
        foreach (var member in Members())
            Native.Signal(member, signal);
    }

    /// <summary>Kills until nothing is left of it.</summary>
    /// <returns>How many could not be ended within some seconds, as a process that waits for a broken disk cannot.</returns>
    public async Task<int> EndAsync()
    {
        // Where there is no table of processes, the group is all that is known.
        if (leader is { } group && !ProcessTable.IsThere)
            Native.Signal(-group, Native.Kill);
        for (var round = 0; ; round++)
        {
            var members = Members();
            if (members.Count == 0 || round == MostRounds)
            {
                Children.ReapAdopted();
                return members.Count;
            }

            // What is stopped starts nothing more while the rest is looked for.
            if (OperatingSystem.IsLinux())
                Stop(members);
            foreach (var member in members)
                Native.Signal(member, Native.Kill);
            await Task.Delay(BetweenRounds, time);
        }
    }

    private bool IsKnownAs(ProcessEntry entry) =>
        entry.Session == leader || entry.Group == leader
        || ((leader is null || entry.Parent is Init || entry.Parent == Environment.ProcessId) && !entry.IsZombie && ProcessTable.Carries(entry.Id, variable, mark));

    private void Stop(List<int> members)
    {
        for (var found = 0; found != members.Count;)
        {
            found = members.Count;
            foreach (var member in members)
                Native.Signal(member, Native.Stop);
            members.AddRange(Members().Except(members));
        }
    }
}

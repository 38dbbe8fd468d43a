using System.Text.Json;
using Weir.Retrieval.Catalogs;

namespace Weir.Tests.Retrieval.Catalogs.Searching;

/// <summary>Tools as they are found at agents, written for this test, and what people ask for in their own words.</summary>
internal static class ToolSet
{
    /// <summary>name | category | description | parameter: description; …</summary>
    private const string Lines = """
        read_file|filesystem|Read the complete contents of a file from disk.|path: path of the file; encoding: character encoding
        write_file|filesystem|Create a new file or overwrite an existing one with the given text.|path: where to write; content: text to write
        list_directory|filesystem|List the files and folders inside a directory.|path: directory to list; recursive: include subfolders
        move_file|filesystem|Move or rename a file or folder.|source: current path; destination: new path
        delete_file|filesystem|Remove a file permanently from disk.|path: file to remove
        search_files|filesystem|Find files whose names match a pattern.|pattern: glob such as *.txt; root: where to start
        get_file_info|filesystem|Show size, permissions and modification time of a file.|path: file to inspect
        create_directory|filesystem|Make a new folder, with its parents.|path: folder to make
        git_status|git|Show which files changed in the working tree.|repository: path of the repository
        git_commit|git|Record staged changes with a message.|message: commit message; repository: path of the repository
        git_diff|git|Show differences between two revisions or the working tree.|base: first revision; head: second revision
        git_log|git|List past commits with author, date and message.|limit: how many; author: only by this person
        git_create_branch|git|Create a branch from a starting point.|name: branch name; start: revision to branch from
        git_checkout|git|Switch the working tree to another branch.|branch: where to switch to
        create_pull_request|git|Open a pull request to merge a branch on the code host.|title: title; head: branch with the changes; base: target branch; body: description
        create_issue|git|File a bug report or a task in the issue tracker.|title: short summary; body: details; labels: tags; assignee: who works on it
        list_events|calendar|List appointments between two dates.|start: first day; end: last day; calendar: which calendar
        create_event|calendar|Schedule a meeting and invite people.|title: subject; start: begin time; end: end time; attendees: email addresses; location: room or place
        delete_event|calendar|Cancel an appointment.|event_id: which appointment
        find_free_slot|calendar|Find a time when everybody is available.|attendees: people; duration: minutes needed
        set_reminder|calendar|Remind the user of something at a given time.|text: what to be reminded of; at: when
        get_current_weather|weather|Current conditions at a place: temperature, wind, humidity and rain.|location: city or coordinates; units: metric or imperial
        get_forecast|weather|Weather forecast for the coming days.|location: city or coordinates; days: how many days
        get_air_quality|weather|Pollution and pollen levels at a place.|location: city or coordinates
        weather_alerts|weather|Severe weather warnings such as storms and floods.|region: state or county
        send_email|mail|Send an email message.|to: recipients; subject: subject line; body: message text; attachments: files to attach
        search_mail|mail|Search the mailbox for messages by sender, subject or text.|query: words to look for; folder: inbox, sent or archive
        read_mail|mail|Open one message and its attachments.|message_id: which message
        reply_to_mail|mail|Answer a message in its thread.|message_id: message to answer; body: text
        archive_mail|mail|Move messages out of the inbox.|message_ids: which messages
        run_command|shell|Execute a shell command and return its output.|command: command line; timeout: seconds; cwd: working directory
        list_processes|shell|Show running processes with CPU and memory use.|filter: name to look for
        kill_process|shell|Stop a running process.|pid: process id; signal: TERM or KILL
        get_environment|shell|Read environment variables.|name: variable
        run_python|shell|Execute Python code in a sandbox and return what it prints.|code: Python source
        browser_navigate|browser|Open a web page in the browser.|url: address to open
        browser_click|browser|Click on a button or link of the page.|selector: element to click
        browser_type|browser|Type text into an input field of the page.|selector: field; text: what to type
        browser_screenshot|browser|Take a picture of the page.|full_page: whole page or the visible part
        fetch_url|browser|Download a web page and return it as Markdown.|url: address; max_length: characters to return
        web_search|browser|Search the internet and return links with snippets.|query: what to search for; count: number of results
        execute_sql|database|Run a SQL statement against the database.|statement: SQL text; parameters: bound values
        list_tables|database|List the tables of the database.|schema: only this schema
        describe_table|database|Show columns, types and indexes of a table.|table: which table
        explain_query|database|Show the plan by which the database executes a statement.|statement: SQL text
        backup_database|database|Write a dump of the database to storage.|target: where to store it
        geocode|maps|Turn an address into latitude and longitude.|address: street and city
        reverse_geocode|maps|Turn coordinates into an address.|latitude: degrees north; longitude: degrees east
        get_directions|maps|Route from one place to another by car, bicycle, foot or transit.|origin: start; destination: end; mode: driving, cycling, walking, transit
        find_places|maps|Find restaurants, shops and sights near a position.|query: kind of place; near: position; radius: metres
        distance_matrix|maps|Travel times between many origins and destinations.|origins: starts; destinations: ends
        create_payment|payments|Charge a customer's card.|amount: in cents; currency: three letters; customer: who pays
        refund_payment|payments|Give money back for an earlier charge.|payment_id: which charge; amount: part of it
        create_invoice|payments|Make an invoice and send it to a customer.|customer: who pays; items: lines with prices; due_date: when it is due
        list_transactions|payments|List charges, refunds and payouts of an account.|from: first day; to: last day
        create_subscription|payments|Bill a customer every month or year.|customer: who pays; plan: price plan
        convert_currency|finance|Convert an amount between currencies at today's exchange rate.|amount: how much; from: currency; to: currency
        get_stock_price|finance|Latest share price of a company.|symbol: ticker such as MSFT
        translate_text|language|Translate text from one language to another.|text: what to translate; target_language: such as de or zh
        detect_language|language|Tell in which language a text is written.|text: text
        summarize_text|language|Make a short summary of a long document.|text: document; length: sentences
        check_grammar|language|Find spelling and grammar mistakes.|text: text to check
        generate_image|media|Draw a picture from a description.|prompt: what to draw; size: pixels
        resize_image|media|Change width and height of a picture.|image: file; width: pixels; height: pixels
        extract_text_from_image|media|Recognise text in a scan or photo (OCR).|image: file; language: of the text
        transcribe_audio|media|Turn speech in a recording into text.|audio: file; language: spoken language
        text_to_speech|media|Read text aloud into an audio file.|text: what to say; voice: speaker
        convert_video|media|Convert a video to another format or resolution.|input: file; format: mp4 or webm
        post_message|chat|Post a message to a channel of the team chat.|channel: where; text: message
        list_channels|chat|List the channels of the team chat.|include_archived: also old ones
        create_contact|crm|Add a person to the address book.|name: full name; email: address; phone: number; company: employer
        search_contacts|crm|Look up people in the address book.|query: name, company or email
        update_deal|crm|Change stage or value of a sales opportunity.|deal_id: which; stage: new stage; value: amount
        deploy_service|cloud|Roll out a new version of a service to the cluster.|service: name; version: image tag; environment: staging or production
        rollback_service|cloud|Return a service to its previous version.|service: name; environment: staging or production
        get_logs|cloud|Read log lines of a service.|service: name; since: how far back; level: error, warning or info
        scale_service|cloud|Change the number of instances of a service.|service: name; replicas: how many
        restart_pod|cloud|Restart a container that hangs.|pod: which container; namespace: where
        create_bucket|cloud|Make a storage bucket for objects.|name: bucket; region: data centre
        calculate|math|Evaluate an arithmetic expression.|expression: such as (2+3)*4
        plot_chart|math|Draw a line, bar or pie chart of data.|data: numbers; type: line, bar or pie
        get_time|time|Current date and time in a time zone.|timezone: such as Europe/Berlin
        book_flight|travel|Reserve seats on a flight.|from: departure airport; to: arrival airport; date: day of travel; passengers: how many
        search_hotels|travel|Find rooms with prices for given dates.|city: where; check_in: first night; check_out: last day; guests: how many
        turn_on_light|home|Switch lamps on or off and set their brightness.|room: where; brightness: percent
        set_thermostat|home|Set the heating or cooling of a room.|room: where; temperature: degrees
        """;

    private const string Questions = """
        show me what is in notes.txt|read_file
        save this text as report.md|write_file
        what files are in my downloads folder|list_directory
        rename draft.doc to final.doc|move_file
        get rid of the old backup file on disk|delete_file
        find all the *.log files|search_files
        how large is this file and when was it modified|get_file_info
        make a new folder for the project|create_directory
        which files did I change since the last commit|git_status
        commit my staged changes|git_commit
        differences between main and my branch|git_diff
        who committed what last week|git_log
        switch to the release branch|git_checkout
        open a PR to merge my feature|create_pull_request
        report a bug in the tracker|create_issue
        what appointments do I have on Friday|list_events
        schedule a meeting with Anna and Tom|create_event
        cancel my dentist appointment|delete_event
        when are we all available for an hour|find_free_slot
        remind me to call mum at six|set_reminder
        how warm is it in Lisbon right now|get_current_weather
        will it rain this weekend, weather for the next days|get_forecast
        pollen levels in Berlin today|get_air_quality
        are there storm warnings for Texas|weather_alerts
        email the report to my boss|send_email
        find the messages from Julia about the contract|search_mail
        answer that message|reply_to_mail
        clear out my inbox|archive_mail
        run ls -la in the terminal|run_command
        which processes use the most memory|list_processes
        stop process 4711|kill_process
        execute this Python snippet|run_python
        open example.com in the browser|browser_navigate
        press the submit button on the page|browser_click
        take a screenshot of the page|browser_screenshot
        search the web for vegan recipes|web_search
        run select count(*) from users|execute_sql
        what columns does the orders table have|describe_table
        why is this SQL slow, show the execution plan|explain_query
        dump the database|backup_database
        latitude and longitude of 10 Downing Street|geocode
        how do I get to the airport by transit|get_directions
        restaurants near me|find_places
        charge the customer's credit card 20 euros|create_payment
        give the customer their money back|refund_payment
        send a bill with the items and prices to the customer|create_invoice
        how much is 100 dollars in euros, exchange rate|convert_currency
        price of Apple shares|get_stock_price
        translate this into German|translate_text
        short summary of this article|summarize_text
        correct my spelling mistakes|check_grammar
        draw a picture of a cat in space|generate_image
        read the text in this scanned photo|extract_text_from_image
        write down what is said in this recording|transcribe_audio
        tell the team channel that we are done|post_message
        look up the phone number of Jane in the address book|search_contacts
        roll out version 2.1 to production|deploy_service
        go back to the previous version of the service|rollback_service
        error log lines of the checkout service|get_logs
        we need more instances of the api service|scale_service
        what is 17 times 23, evaluate|calculate
        make a pie chart of the numbers|plot_chart
        what time is it in Tokyo|get_time
        reserve two seats on a flight to Rome|book_flight
        hotel rooms in Vienna for three nights|search_hotels
        switch off the lamps in the kitchen|turn_on_light
        make it warmer in the bedroom, set the heating|set_thermostat
        """;

    public static IReadOnlyList<ToolDefinition> Tools { get; } = [.. Lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ToolOf)];

    public static IReadOnlyList<(string Query, string Tool)> Queries { get; } =
        [.. Questions.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim().Split('|')).Select(parts => (parts[0], parts[1]))];

    private static ToolDefinition ToolOf(string line)
    {
        var parts = line.Trim().Split('|');
        var properties = parts[3].Split("; ").Select(parameter => parameter.Split(": ", 2)).ToDictionary(p => p[0], p => new { type = "string", description = p[1] });
        return new ToolDefinition
        {
            Name = parts[0],
            Category = parts[1],
            Description = parts[2],
            Parameters = JsonSerializer.SerializeToElement(new { type = "object", properties }),
        };
    }
}

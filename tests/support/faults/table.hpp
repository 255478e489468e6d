// Prints what was seen, aligned: operations that fared alike share a line.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_TABLE_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_TABLE_HPP

#include <hdikafka/error.hpp>

#include <asio/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

/// The enumerator behind a code, as far as tests meet them here.
inline std::string name_of(std::error_code code)
{
    using hdikafka::errc;
    std::pair<errc, char const*> const names[] = {
        {errc::resolve_failed, "resolve_failed"},
        {errc::connect_failed, "connect_failed"},
        {errc::connect_timeout, "connect_timeout"},
        {errc::idle_timeout, "idle_timeout"},
        {errc::timed_out, "timed_out"},
        {errc::connection_lost, "connection_lost"},
        {errc::truncated, "truncated"},
        {errc::tls_failed, "tls_failed"},
        {errc::token_refused, "token_refused"},
        {errc::throttled, "throttled"},
        {errc::service_failed, "service_failed"},
    };
    for (auto const& [value, name] : names)
        if (code == value)
            return name;
    if (code == asio::error::operation_aborted)
        return "operation_aborted";
    return code ? code.message() : "none";
}

inline std::string name_of(hdikafka::persistence what)
{
    switch (what) {
    case hdikafka::persistence::none: return "none";
    case hdikafka::persistence::possibly: return "possibly";
    case hdikafka::persistence::done: return "done";
    }
    return "?";
}

class fault_table
{
public:
    /// The first two are the place: the step and the event.
    using cells = std::vector<std::string>;

    /// `operations`: all that the table is about.
    fault_table(std::string title, cells columns, std::vector<std::string> operations)
        : title_(std::move(title)), columns_(std::move(columns)), operations_(std::move(operations))
    {}
    fault_table(fault_table const&) = delete;
    fault_table& operator=(fault_table const&) = delete;

    void add(std::string const& operation, cells const& seen)
    {
        auto const known = std::ranges::find(rows_, seen, &row::seen);
        if (known != rows_.end())
            known->operations.push_back(operation);
        else
            rows_.push_back({seen, {operation}});
    }

    /// Something that cannot be shown, and why.
    void note(std::string text) { notes_.push_back(std::move(text)); }

    void print() const
    {
        std::vector<row> sorted; // those of one place together, in their order
        for (row const& first : rows_)
            if (std::ranges::none_of(sorted, [&](row const& other) { return same_place(first, other); }))
                std::ranges::copy_if(rows_, std::back_inserter(sorted),
                                     [&](row const& other) { return same_place(first, other); });
        std::vector<std::size_t> width(columns_.size());
        for (std::size_t column = 0; column != width.size(); ++column) {
            width[column] = columns_[column].size();
            for (row const& one : sorted)
                width[column] = std::max(width[column], one.seen[column].size());
        }
        std::printf("\n%s\n", title_.c_str());
        print_line(width, columns_, "operations");
        for (std::size_t i = 0; i != sorted.size(); ++i)
            print_line(width, sorted[i].seen, who(sorted, i));
        for (std::string const& text : notes_)
            std::printf("  * %s\n", text.c_str());
        std::fflush(stdout);
    }

private:
    struct row
    {
        cells seen;
        std::vector<std::string> operations;
    };

    static bool same_place(row const& one, row const& other)
    {
        return one.seen[0] == other.seen[0] && one.seen[1] == other.seen[1];
    }

    /// The operations of a line: "all" where all fared alike, "the others" for the most of them.
    std::string who(std::vector<row> const& all, std::size_t at) const
    {
        std::vector<std::string> missing = operations_;
        for (row const& other : all)
            if (same_place(all[at], other))
                std::erase_if(missing, [&](auto const& name) { return contains(other.operations, name); });
        std::vector<std::string> const& here = all[at].operations;
        if (here.size() + missing.size() == operations_.size() && missing.size() < here.size())
            return missing.empty() ? "all " + std::to_string(here.size()) : "all but " + joined(missing);
        return here.size() > operations_.size() / 2 ? "the others" : joined(here);
    }

    static bool contains(std::vector<std::string> const& names, std::string const& name)
    {
        return std::ranges::find(names, name) != names.end();
    }

    static std::string joined(std::vector<std::string> const& names)
    {
        std::string out;
        for (std::string const& name : names)
            out += (out.empty() ? "" : "; ") + name;
        return out;
    }

    static void print_line(std::vector<std::size_t> const& width, cells const& texts, std::string const& last)
    {
        std::string line;
        for (std::size_t column = 0; column != width.size(); ++column) {
            line += texts[column];
            line.append(width[column] - texts[column].size() + 2, ' ');
        }
        std::printf("%s%s\n", line.c_str(), last.c_str());
    }

    std::string title_;
    cells columns_;
    std::vector<std::string> operations_;
    std::vector<row> rows_;
    std::vector<std::string> notes_;
};

} // namespace test

#endif

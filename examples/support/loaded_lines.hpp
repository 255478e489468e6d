// A file of lines that are loaded somewhere, and beside it how many of them are. For bulk_load.cpp; POSIX.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_LOADED_LINES_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_LOADED_LINES_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace examples {

/// Where a line ends in its file, and its number from 1 on; nothing and 0 before the first.
class line_end
{
public:
    std::int64_t byte = 0;
    std::int64_t line = 0;
};

/// Reads a file's lines from where an earlier run had them loaded: FILE.loaded says how many bytes and lines
/// of FILE are, and where to. It is replaced as a whole and is on the disk before anything goes on, so that
/// it is right after any end. All functions throw std::runtime_error, with the file's name.
class loaded_lines
{
public:
    /// Takes a lock on the file: from here on nobody else loads it.
    loaded_lines(std::string path, std::string target, std::size_t longest)
        : path_(std::move(path)),
          target_(std::move(target)),
          longest_(longest),
          file_(std::fopen(path_.c_str(), "rb"), std::fclose)
    {
        check(file_ != nullptr, path_);
        check(flock(fileno(file_.get()), LOCK_EX | LOCK_NB) == 0, path_ + " is being loaded");
        size_ = static_cast<std::int64_t>(std::filesystem::file_size(path_));
        if (std::ifstream known(saved_path()); known) {
            std::string target_of_before;
            known >> saved_.byte >> saved_.line >> target_of_before;
            if (!known || saved_.byte < 0 || saved_.byte > size_)
                throw std::runtime_error(saved_path() + " does not fit " + path_);
            if (target_of_before != target_)
                throw std::runtime_error(saved_path() + " is of a load into " + target_of_before);
        }
        read_ = saved_;
        check(fseeko(file_.get(), std::max<off_t>(read_.byte - 1, 0), SEEK_SET) == 0, path_);
        if (read_.byte > 0 && std::fgetc(file_.get()) != '\n') { // the last had no end; has it got one?
            int const following = std::fgetc(file_.get());
            if (following == '\n')
                ++read_.byte;
            else if (following != EOF)
                throw std::runtime_error(path_ + " is not what was loaded: no line ends where " +
                                         saved_path() + " says");
        }
    }

    /// Whether there was another line; `line` has it without its end then. Throws when it is too long.
    bool next(std::string& line)
    {
        line.clear();
        int c = std::fgetc(file_.get());
        if (c == EOF && std::ferror(file_.get()) == 0)
            return false;
        ++read_.line;
        for (; c != '\n' && c != EOF; c = std::fgetc(file_.get())) {
            if (line.size() == longest_)
                throw std::runtime_error("the line is longer than " + std::to_string(longest_) + " bytes");
            line.push_back(static_cast<char>(c));
        }
        check(std::ferror(file_.get()) == 0, path_);
        read_.byte += static_cast<std::int64_t>(line.size()) + (c == '\n' ? 1 : 0);
        return true;
    }

    /// Where the last line that was read ends; the number is that of the line that next() refused, too.
    line_end const& read() const noexcept { return read_; }
    /// Up to where FILE.loaded knows of.
    line_end const& saved() const noexcept { return saved_; }
    /// Whether less is read and not saved than that.
    bool ahead_by_less(std::int64_t lines, std::int64_t bytes) const noexcept
    {
        return read_.line - saved_.line < lines && read_.byte - saved_.byte < bytes;
    }
    /// For an error: the file and the line.
    std::string at_line(std::int64_t number, std::string const& what) const
    {
        return path_ + ", line " + std::to_string(number) + ": " + what;
    }
    /// What the file had at the start.
    std::int64_t size() const noexcept { return size_; }

    /// Everything up to there is loaded.
    void save(line_end upto)
    {
        if (upto.byte == saved_.byte)
            return;
        std::string const text =
            std::to_string(upto.byte) + ' ' + std::to_string(upto.line) + ' ' + target_ + '\n';
        std::string const beside = saved_path() + ".new";
        {
            std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(beside.c_str(), "wb"),
                                                                       std::fclose);
            check(file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() &&
                      std::fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0,
                  beside);
        }
        check(std::rename(beside.c_str(), saved_path().c_str()) == 0, saved_path());
        auto const folder = std::filesystem::absolute(path_).parent_path();
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open()
        int const descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY);
        bool const good = descriptor >= 0 && fsync(descriptor) == 0; // or a power cut undoes the rename
        if (descriptor >= 0)
            close(descriptor);
        check(good, folder.string());
        saved_ = upto;
    }

private:
    std::string saved_path() const { return path_ + ".loaded"; }

    static void check(bool good, std::string const& what)
    {
        if (!good)
            throw std::system_error(errno, std::generic_category(), what);
    }

    std::string path_, target_;
    std::size_t longest_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
    std::int64_t size_ = 0;
    line_end read_, saved_;
};

/// Makes a temporary file to try it with; its path.
inline std::string new_lines_file(std::string const& name, int count)
{
    auto const path = (std::filesystem::temp_directory_path() / (name + ".jsonl")).string();
    std::ofstream file(path);
    for (int i = 0; i < count; ++i)
        file << "{\"line\":" << i << "}\n";
    if (!file.flush())
        throw std::runtime_error(path + " could not be written");
    return path;
}

} // namespace examples

#endif

// A file that a program makes for others and takes away at its end. For emulator.cpp; POSIX.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_PUBLISHED_FILE_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_PUBLISHED_FILE_HPP

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace examples {

/// Never touches a file that it did not make: what is at the path before makes it fail, and what has come
/// there since stays there.
class published_file
{
public:
    /// Without a path the file is a temporary one. Throws std::runtime_error.
    published_file(std::string path, std::string_view content) : path_(std::move(path))
    {
        int const file = path_.empty() ? make_temporary(path_) : make(path_);
        struct stat about = {};
        if (fstat(file, &about) == 0) {
            device_ = about.st_dev;
            inode_ = about.st_ino;
        }
        bool const written = write_all(file, content);
        std::string const why = written ? "" : std::generic_category().message(errno);
        close(file);
        if (written)
            return;
        remove();
        throw std::runtime_error("cannot write " + path_ + ": " + why);
    }

    published_file(published_file const&) = delete;
    published_file& operator=(published_file const&) = delete;
    ~published_file() { remove(); }

    std::string const& path() const noexcept { return path_; }

private:
    static int make(std::string const& path)
    {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open()
        int const file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (file >= 0)
            return file;
        if (errno == EEXIST)
            throw std::runtime_error(path +
                                     " is there already: name a file that is not, or remove it, as it is "
                                     "made anew and removed at the end");
        throw std::runtime_error("cannot make " + path + ": " + std::generic_category().message(errno));
    }

    static int make_temporary(std::string& path)
    {
        std::filesystem::path const folder = std::filesystem::temp_directory_path();
        path = (folder / "hdikafka-emulator-XXXXXX").string();
        int const file = mkostemp(path.data(), O_CLOEXEC);
        if (file < 0)
            throw std::runtime_error("cannot make a file in " + folder.string());
        return file;
    }

    static bool write_all(int file, std::string_view content)
    {
        while (!content.empty()) {
            ssize_t const count = write(file, content.data(), content.size());
            if (count < 0 && errno != EINTR)
                return false;
            content.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
        }
        return true;
    }

    void remove() const
    {
        struct stat about = {};
        bool const there = lstat(path_.c_str(), &about) == 0;
        if (there && about.st_dev == device_ && about.st_ino == inode_)
            unlink(path_.c_str());
    }

    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

} // namespace examples

#endif

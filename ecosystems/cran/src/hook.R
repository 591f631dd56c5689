local({
  # The token is in netrc, which R does not read by itself. It goes into a header: R repeats addresses in its warnings.
  login <- function() {
    netrc <- Sys.getenv("NETRC", path.expand("~/.netrc"))
    if (!file.exists(netrc)) return(NULL)
    words <- scan(netrc, what = "", quiet = TRUE, quote = "", comment.char = "")
    at <- which(words == "machine" & c(words[-1], "") == "{host}")
    if (length(at) == 0) return(NULL)
    rest <- words[seq(at[1] + 2, length.out = 4)]
    password <- rest[which(rest == "password") + 1]
    if (length(password) != 1) return(NULL)
    c(Authorization = paste("Bearer", password))
  }
  options(repos = c(CRAN = "{base}"))
  # R says that a download failed, never why: this asks for the reason.
  why <- function(packages) {
    installed <- rownames(utils::installed.packages())
    for (package in packages[!packages %in% installed]) {
      if (!grepl("^[A-Za-z][A-Za-z0-9.]*$", package)) next
      url <- paste0("{base}/weir/", package)
      connection <- url(url, headers = login())
      told <- tryCatch(suppressWarnings(readLines(connection, warn = FALSE)), error = function(e) character())
      try(close(connection), silent = TRUE)
      if (length(told) > 0) message("Weir: ", paste(told, collapse = "\n      "))
    }
  }
  masks <- new.env()
  masks$available.packages <- function(...) utils::available.packages(..., headers = login())
  masks$download.packages <- function(pkgs, destdir, ...) {
    available <- list(...)$available
    if (!is.null(available)) return(utils::download.packages(pkgs, destdir, ..., headers = login()))
    utils::download.packages(pkgs, destdir, available = masks$available.packages(), ..., headers = login())
  }
  masks$update.packages <- function(...) utils::update.packages(..., available = masks$available.packages(), headers = login())
  masks$install.packages <- function(pkgs, ...) {
    result <- utils::install.packages(pkgs, ..., headers = login())
    if (!missing(pkgs) && is.character(pkgs)) try(why(pkgs[!grepl("[/\\\\]", pkgs)]), silent = TRUE)
    invisible(result)
  }
  setHook(packageEvent("utils", "attach"), function(...) attach(masks, name = "weir", warn.conflicts = FALSE))
})

"""Where the npm package jsonata is, for comparison: installed once below build/, outside of the tree."""
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def folder():
    """(folder, ""), or (None, why there is none)."""
    where = os.path.join(ROOT, "build", "npm-jsonata")
    if not shutil.which("node"):
        return None, "no node here"
    if os.path.exists(os.path.join(where, "node_modules", "jsonata", "package.json")):
        return where, ""
    if not shutil.which("npm"):
        return None, "no npm here"
    os.makedirs(where, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", where, "jsonata@2"],
                              capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None, "npm install jsonata takes too long"
    return (where, "") if done.returncode == 0 else (None, "npm install jsonata: " + done.stderr.strip()[:200])

/**
 * The height that is really there. On some phones the keyboard lies over the page instead of making it smaller; then the
 * part that is seen is told to the style sheet as `--viewport-height`.
 */
export function followKeyboard() {
  const viewport = window.visualViewport;
  if (viewport === null) return;
  const root = document.documentElement;
  const follow = () => {
    const covered = window.innerHeight - viewport.height;
    if (viewport.scale === 1 && covered > 80) {
      root.style.setProperty('--viewport-height', `${viewport.height}px`);
      window.scrollTo(0, 0);
    } else {
      root.style.removeProperty('--viewport-height');
    }
  };
  viewport.addEventListener('resize', follow);
  viewport.addEventListener('scroll', follow);
}

/** Opens a `<dialog>` as modal when it is put on the page; a click beside it closes it. The browser gives the focus back afterwards. */
export function modal(dialog: HTMLDialogElement): () => void {
  const opener = document.activeElement;
  dialog.showModal();
  const onClick = (event: MouseEvent) => {
    if (event.target === dialog) dialog.close();
  };
  dialog.addEventListener('click', onClick);
  return () => {
    dialog.removeEventListener('click', onClick);
    if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  };
}
